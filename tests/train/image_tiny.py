"""Vision-language models of a few thousand parameters, documents that show pictures, and packs of them."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tests.stream import image_packs as by_hand
from tests.stream.image_packs import END, IMAGE, START, Document

from . import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator

VOCABULARY = 4096
RECORDS = {
    "qwen2_5_vl": by_hand.record("qwen2.5-vl", max_pixels=30_000),
    "qwen3_vl": by_hand.record("qwen3-vl", max_pixels=30_000),
}
FAMILIES = tuple(RECORDS)
_IDS = {
    "image_token_id": IMAGE,
    "video_token_id": VOCABULARY - 1,
    "vision_start_token_id": START,
    "vision_end_token_id": END,
}
_TOWERS: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": {"depth": 2, "fullatt_block_indexes": [1]},
    "qwen3_vl": {"depth": 2, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 36},
}
PARTS = {"nothing": (), "vision": ("vision",), "projector": ("projector",), "both": ("vision", "projector")}
"""What may be frozen."""


def configuration(family: str, **text: Any) -> dict[str, Any]:
    """Values of a configuration: windows and whole images, or features for two layers of the decoder.

    Of its last layer, nothing at an image is learned from.
    """
    values = tiny.configuration(family) | _IDS
    layers = {"vocab_size": VOCABULARY, "num_hidden_layers": 2 if family == "qwen2_5_vl" else 3}
    values["text_config"] = values["text_config"] | layers | text
    values["vision_config"] = values["vision_config"] | _TOWERS[family]
    return values


def language_model(family: str, dtype: str = "float32", frozen: str = "nothing") -> Any:
    """A model of `transformers`, the same each time."""
    from octomed.train.build import build_model, read_configuration

    model = build_model(read_configuration(None, configuration(family)), dtype=dtype)
    for name, parameter in model.model.visual.named_parameters():
        part = "projector" if name.startswith(("merger", "deepstack_merger_list")) else "vision"
        parameter.requires_grad_(part not in PARTS[frozen])
    return model


def fresh_model(family: str, dtype: str = "float32", frozen: str = "nothing", **settings: Any) -> Any:
    from octomed.stream.images import Vision
    from octomed.train.model import OctomedModel

    vision = Vision.of(RECORDS[family])
    return OctomedModel(language_model(family, dtype, frozen), vision=vision, **settings)


@cache
def collator(family: str) -> Any:
    """What the loader of a run makes batches with."""
    from octomed.stream.images import Vision
    from octomed.train.build import read_configuration
    from octomed.train.data import collator_of

    return collator_of(read_configuration(None, configuration(family)), Vision.of(RECORDS[family]))


def batch_of(family: str, packs: list[list[Document]]) -> dict[str, Any]:
    """The batch that the loader makes of some packs."""
    return collator(family)([by_hand.pack_of(pack, RECORDS[family]) for pack in packs])


def picture(number: int) -> bytes:
    """One of five pictures: of a unit or two, of several windows, tall, wide."""
    return by_hand.encoded(*[(56, 56), (150, 130), (60, 170), (180, 60), (90, 90)][number % 5], number)


def documents(count: int, seed: int = 3) -> list[Document]:
    """Documents of text and of pictures, of which some are in several; one has nothing to learn."""
    draw = torch.Generator().manual_seed(seed)

    def text(least: int = 1) -> list[int]:
        length = int(torch.randint(least, 12, (1,), generator=draw))
        return torch.randint(0, START, (length,), generator=draw).tolist()

    made = []
    for number in range(count):
        shows: list[Any] = []
        for place in range((0, 1, 2, 1)[number % 4]):
            shows += [picture(number // 2 + place), (text(), False)]
        parts: list[Any] = [(text(2), False), *shows, (text(2), number != 1), (text(), False)]
        made.append(Document(parts, number))
    return made


def of_text(count: int, seed: int = 5) -> list[Document]:
    """Documents without a picture."""
    draw = torch.Generator().manual_seed(seed)
    return [
        Document([(torch.randint(0, START, (9,), generator=draw).tolist(), True)], 1000 + number)
        for number in range(count)
    ]


@contextlib.contextmanager
def without_rounding() -> Iterator[None]:
    """Have transformers compute norms and rotations of float64 in float64.

    It does so in float32, and a tower that runs once for two documents rounds the sum of two gradients where
    stock rounds each: that alone is 4e-9 of a step's gradients.
    """

    def rotated(query, key, cos, sin):
        turned = []
        for part in (query, key):
            halves = part.chunk(2, dim=-1)
            turned.append(
                part * cos[:, None].to(part) + torch.cat((-halves[1], halves[0]), -1) * sin[:, None].to(part)
            )
        return tuple(turned)

    def normed(self, hidden):
        scale = torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * (hidden * scale)

    with pytest.MonkeyPatch.context() as patch:
        for family in FAMILIES:
            module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
            patch.setattr(module, "apply_rotary_pos_emb_vision", rotated)
            for name in dir(module):
                if name.endswith("RMSNorm"):
                    patch.setattr(getattr(module, name), "forward", normed)
        yield


def stock_logits(model: Any, family: str, document: Document) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of transformers' own model for a document alone, and its labels.

    Its own attention, tower, positions, scatter; `pixel_values` are of the pixels that are packed.
    """
    from octomed.stream import Collator

    batch = Collator(vision=RECORDS[family], pixel_values=True)(
        [by_hand.pack_of([document], RECORDS[family])]
    )
    images = {name: batch[name] for name in ("pixel_values", "image_grid_thw") if name in batch}
    if "mm_token_type_ids" in inspect.signature(type(model).forward).parameters:
        images["mm_token_type_ids"] = (batch["input_ids"] == IMAGE).to(torch.int32)
    model.model.rope_deltas = None
    whole = torch.ones_like(batch["input_ids"])  # without it, an image is taken for several packed rows
    logits = model(input_ids=batch["input_ids"], attention_mask=whole, use_cache=False, **images).logits[0]
    return logits, batch["labels"][0]


def stock_gradients(
    family: str, some: list[Document], dtype: str, frozen: str = "nothing", weighting: str = "token"
) -> dict[str, Any]:
    """Gradients of the mean loss over documents that the stock model sees one by one, and the loss."""
    model = language_model(family, dtype, frozen)
    for part in (model.config, model.config.text_config, model.config.vision_config):
        part._attn_implementation = "sdpa"  # "eager" takes softmax in float32
    losses, weights = [], []
    for document in some:
        logits, labels = stock_logits(model, family, document)
        count = int((labels[1:] != -100).sum())
        if count:
            losses.append(torch.nn.functional.cross_entropy(logits[:-1], labels[1:]))
            weights.append(count if weighting == "token" else 1)
    total = sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / sum(weights)
    total.backward()
    trained = {
        f"network.language_model.{name}": one.grad
        for name, one in model.named_parameters()
        if one.requires_grad
    }
    return trained | {"loss": float(total)}


def packed_gradients(
    model: Any, family: str, packs: list[list[Document]], microbatch: int, weighting: str = "token"
) -> dict[str, Any]:
    """Gradients of one rank's step on packs, microbatch by microbatch, and the loss."""
    from octomed.train.batches import split_batch
    from octomed.train.network import loss_units

    batch = batch_of(family, packs)
    units, total = loss_units(batch, weighting), 0.0
    for part in split_batch(batch, microbatch):
        loss = model(part) * (loss_units(part, weighting) / units)
        loss.backward()
        total += float(loss.detach())
    return {name: one.grad for name, one in model.named_parameters() if one.requires_grad} | {"loss": total}
