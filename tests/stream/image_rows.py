"""Rows with images as transformers' processors unpack them, and documents cut out of batches."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import octomed
import torch
from octomed.stream import pixel_values
from PIL import Image, ImageOps
from transformers import (
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessorFast,
    Qwen2VLVideoProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from .image_packs import IMAGE, RECORDS, START
from .test_images import bare_model, rope_positions

Row = list[tuple[str, list[str | bytes]]]
"""Turns: a role, and texts and images."""

TOKENIZER = Path(octomed.__file__).parent / "sample/tokenizer"
PLAIN = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% for part in message.content -%}
{{ '<|vision_start|><|image_pad|><|vision_end|>' if part.type == 'image' else part.text }}
{%- endfor %}<|im_end|>
{% endfor -%}"""
"""A template that adds nothing of its own."""


@cache
def tokenizer() -> Qwen2TokenizerFast:
    return Qwen2TokenizerFast(
        tokenizer_file=str(TOKENIZER / "tokenizer.json"), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )


@cache
def processor(family: str, template: str = PLAIN) -> Any:
    vision = RECORDS[family]
    made, video = {
        "qwen2.5-vl": (Qwen2_5_VLProcessor, Qwen2VLVideoProcessor),
        "qwen3-vl": (Qwen3VLProcessor, Qwen3VLVideoProcessor),
    }[family]
    images = Qwen2VLImageProcessorFast(
        patch_size=vision["patch_size"], image_mean=vision["mean"], image_std=vision["std"]
    )
    return made(
        image_processor=images, tokenizer=tokenizer(), video_processor=video(), chat_template=template
    )


def labels_of(ids: torch.Tensor) -> torch.Tensor:
    """The labels of a conversation of which every answer is learned, with the token that ends it."""
    start, end = tokenizer().convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    head = [start, *tokenizer().encode("assistant\n")]
    tokens, labels = ids[0].tolist(), torch.full_like(ids, -100)
    for at in range(len(tokens)):
        if tokens[at : at + len(head)] == head:
            begin = at + len(head)
            stop = tokens.index(end, begin) + 1
            labels[0, begin:stop] = ids[0, begin:stop]
    return labels


def unpacked(row: Row, vision: dict[str, Any], template: str = PLAIN) -> dict[str, torch.Tensor]:
    """What the processor makes of a row alone, and the labels of its answers.

    The processor does not look at EXIF: images are turned before it sees them. Of colour and transparency it
    takes what Pillow's `convert("RGB")` gives.
    """
    messages = [
        {
            "role": role,
            "content": [
                {"type": "image"} if isinstance(part, bytes) else {"type": "text", "text": part}
                for part in content
            ],
        }
        for role, content in row
    ]
    made = processor(vision["family"], template)
    text = made.apply_chat_template(messages, tokenize=False)
    files = [part for _, content in row for part in content if isinstance(part, bytes)]
    images = [ImageOps.exif_transpose(Image.open(io.BytesIO(file))) for file in files]
    sizes = {name: vision[name] for name in ("min_pixels", "max_pixels")}
    found = made(text=text, images=images or None, **sizes, return_tensors="pt")
    return {**found, "labels": labels_of(found["input_ids"])}


@dataclass
class Cut:
    """A document cut out of a batch."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    image_grid_thw: torch.Tensor
    image_patches: torch.Tensor


def cut(batch: dict[str, Any]) -> list[Cut]:
    """The documents of a batch, each with the images that it shows."""
    rows, first = [], 0
    patches = batch.get("image_patches", torch.empty((0, 0), dtype=torch.uint8))
    grids = batch.get("image_grid_thw", torch.empty((0, 3), dtype=torch.int64))
    images = patches.split(grids.prod(1).tolist()) if len(grids) else ()
    for begin, end in pairwise(batch["cu_seqlens"].tolist()):
        ids = batch["input_ids"][:, begin:end]
        shown = batch["image_refs"][first : first + int((ids == START).sum())] if len(grids) else []
        first += len(shown)
        own = torch.cat([images[image] for image in shown] or [patches[:0]])
        labels, positions = batch["labels"][:, begin:end], batch["position_ids"][..., begin:end]
        rows.append(Cut(ids, labels, positions, grids[shown], own))
    return rows


def assert_same(found: Cut, expected: dict[str, torch.Tensor], vision: dict[str, Any]) -> None:
    """A document is what the processor makes of its row: ids, labels, grids, positions and pixels."""
    assert torch.equal(found.input_ids, expected["input_ids"])
    assert torch.equal(found.labels, expected["labels"])
    grids = expected.get("image_grid_thw", torch.empty((0, 3), dtype=torch.int64))
    assert torch.equal(found.image_grid_thw, grids)
    positions = rope_positions(bare_model(vision["family"]), found.input_ids, grids)
    assert torch.equal(found.position_ids[1:, 0], positions)
    assert found.position_ids[0, 0].tolist() == list(range(found.input_ids.shape[1]))
    assert int((found.input_ids == IMAGE).sum()) == int(grids.prod(1).sum()) // 4
    if len(grids):
        assert torch.equal(pixel_values(found.image_patches, vision), expected["pixel_values"])
