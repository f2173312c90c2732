"""Rows with images, unpacked by transformers' processors, against the same rows cut out of their packs."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import octomed
import pytest
import torch
from octomed.stream import Collator, pixel_values
from PIL import Image, ImageOps
from transformers import (
    Qwen2_5_VLProcessor,
    Qwen2TokenizerFast,
    Qwen2VLImageProcessorFast,
    Qwen2VLVideoProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from .image_packs import IMAGE, RECORDS, START, Document, encoded, pack_of
from .test_images import bare_model, rope_positions

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKENIZER = Path(octomed.__file__).parent / "sample" / "tokenizer" / "tokenizer.json"
TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% for part in message.content -%}
{{ '<|vision_start|><|image_pad|><|vision_end|>' if part.type == 'image' else part.text }}
{%- endfor %}<|im_end|>
{% endfor -%}"""

Row = list[tuple[str, list[str | bytes]]]
"""Turns: a role, and texts and images."""


@cache
def tokenizer() -> Qwen2TokenizerFast:
    return Qwen2TokenizerFast(
        tokenizer_file=str(TOKENIZER), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )


@cache
def processor(family: str) -> Any:
    vision = RECORDS[family]
    made, video = {
        "qwen2.5-vl": (Qwen2_5_VLProcessor, Qwen2VLVideoProcessor),
        "qwen3-vl": (Qwen3VLProcessor, Qwen3VLVideoProcessor),
    }[family]
    images = Qwen2VLImageProcessorFast(
        patch_size=vision["patch_size"], image_mean=vision["mean"], image_std=vision["std"]
    )
    return made(
        image_processor=images, tokenizer=tokenizer(), video_processor=video(), chat_template=TEMPLATE
    )


def rotated() -> bytes:
    """A photograph that lies on its side, as its EXIF says."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(encoded(90, 160, 5))).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def corpus() -> list[Row]:
    """Rows with an image, several, one in a later turn, one turned, one of a slice too small, and none."""
    chest, smear, slice_, small = (
        encoded(700, 900),
        encoded(333, 257, kind="PNG"),
        encoded(512, 512, 2),
        encoded(9, 31),
    )
    return [
        [("user", [chest, "What does the film show?"]), ("assistant", ["A normal heart."])],
        [
            ("system", ["Answer in one word."]),
            ("user", ["First ", smear, " and then ", slice_, smear, "?"]),
            ("assistant", ["Anaemia."]),
        ],
        [("user", ["Is rest enough?"]), ("assistant", ["Yes, and water."])],
        [
            ("user", [chest, "Which view?"]),
            ("assistant", ["Frontal."]),
            ("user", ["And here?", rotated()]),
            ("assistant", ["Lateral."]),
        ],
        [("user", [small, small]), ("assistant", ["Two stripes."])],
    ]


def document(row: Row, trace: int) -> Document:
    """The row as a document: every answer is learned, with the token that ends it."""
    parts: list[tuple[list[int], bool] | bytes] = []
    text = ""
    for role, content in row:
        text += f"<|im_start|>{role}\n"
        for part in content:
            if isinstance(part, bytes):
                parts += [(tokenizer().encode(text), False), part]
                text = ""
            elif role == "assistant":
                parts += [
                    (tokenizer().encode(text), False),
                    (tokenizer().encode(f"{part}<|im_end|>"), True),
                ]
                text = "\n"
            else:
                text += part
        text += "" if role == "assistant" else "<|im_end|>\n"
    return Document([*parts, (tokenizer().encode(text), False)], trace)


def unpacked(row: Row, family: str) -> dict[str, torch.Tensor]:
    """What the processor makes of a row alone, and the labels of its answers."""
    vision = RECORDS[family]
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
    text = processor(family).apply_chat_template(messages, tokenize=False)
    files = [part for _, content in row for part in content if isinstance(part, bytes)]
    images = [ImageOps.exif_transpose(Image.open(io.BytesIO(file))) for file in files]
    sizes = {name: vision[name] for name in ("min_pixels", "max_pixels")}
    found = processor(family)(text=text, images=images or None, **sizes, return_tensors="pt")
    labels = torch.full_like(found["input_ids"], -100)
    learned = np.concatenate(
        [
            np.full(len(Document([part]).ids(vision)), not isinstance(part, bytes) and part[1])
            for part in document(row, 0).parts
        ]
    )
    labels[0, learned] = found["input_ids"][0, learned]
    return {**found, "labels": labels}


@dataclass
class Cut:
    """A row cut out of a batch."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor
    image_grid_thw: torch.Tensor
    image_patches: torch.Tensor


def cut(batch: dict[str, Any]) -> list[Cut]:
    """The documents of a batch, each with the images that it shows."""
    rows, first = [], 0
    images = batch["image_patches"].split(batch["image_grid_thw"].prod(1).tolist())
    for begin, end in pairwise(batch["cu_seqlens"].tolist()):
        ids = batch["input_ids"][:, begin:end]
        shown = batch["image_refs"][first : first + int((ids == START).sum())]
        first += len(shown)
        patches = [images[image] for image in shown] or [batch["image_patches"][:0]]
        labels, positions = batch["labels"][:, begin:end], batch["position_ids"][..., begin:end]
        rows.append(Cut(ids, labels, positions, batch["image_grid_thw"][shown], torch.cat(patches)))
    return rows


def packs(family: str) -> list[dict[str, Any]]:
    """The corpus in two packs."""
    documents = [document(row, number) for number, row in enumerate(corpus())]
    return [pack_of(some, RECORDS[family]) for some in (documents[:3], documents[3:])]


@pytest.mark.parametrize("family", RECORDS)
def test_a_row_cut_out_of_its_pack_is_what_the_processor_makes_of_it(family):
    batch = Collator(vision=RECORDS[family])(packs(family))
    rows = cut(batch)
    assert len(rows) == len(corpus())
    for row, found in zip(corpus(), rows, strict=True):
        expected = unpacked(row, family)
        assert torch.equal(found.input_ids, expected["input_ids"])
        assert torch.equal(found.labels, expected["labels"])
        grids = expected.get("image_grid_thw", torch.empty((0, 3), dtype=torch.int64))
        assert torch.equal(found.image_grid_thw, grids)
        assert torch.equal(
            found.position_ids[1:, 0], rope_positions(bare_model(family), found.input_ids, grids)
        )
        assert found.position_ids[0, 0].tolist() == list(range(found.input_ids.shape[1]))
        if len(grids):
            pixels = pixel_values(found.image_patches, RECORDS[family])
            assert torch.equal(pixels, expected["pixel_values"])
        assert int((found.input_ids == IMAGE).sum()) == int(grids.prod(1).sum()) // 4


def tiny_vision_model() -> Any:
    """The example's model, in float32."""
    sys.path.insert(0, str(EXAMPLES))
    import hugging_face_trainer as example

    torch.manual_seed(0)
    return example.tiny_vision_model(len(tokenizer()), RECORDS["qwen2.5-vl"]).eval()


def test_the_loss_of_a_pack_is_that_of_its_rows_one_by_one():
    sys.path.insert(0, str(EXAMPLES))
    import hugging_face_trainer as example

    family = "qwen2.5-vl"
    model = tiny_vision_model()
    batch = example.Collate(RECORDS[family])(packs(family))
    assert set(batch) == {"input_ids", "labels", "position_ids", "pixel_values", "image_grid_thw"}
    found = model(**batch)
    found.loss.backward()
    gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    labels = int((batch["labels"] != -100).sum())
    total = torch.zeros(())
    for row in corpus():
        alone = unpacked(row, family)
        alone.pop("attention_mask")
        counted = int((alone["labels"][:, 1:] != -100).sum())
        total = total + model(**alone, use_cache=False).loss * counted / labels
    total.backward()
    assert torch.allclose(found.loss, total, rtol=1e-5, atol=1e-6)
    for name, parameter in model.named_parameters():
        if name in gradients:
            assert torch.allclose(gradients[name], parameter.grad, rtol=1e-3, atol=1e-6), name
    assert any(".visual." in name and bool(one.abs().max() > 0) for name, one in gradients.items())
