"""Packs with images, made by hand, and what they have to become, by torchvision and NumPy."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pack = dict[str, Any]

IMAGE, START, END = 4094, 4091, 4092
"""`<|image_pad|>`, `<|vision_start|>` and `<|vision_end|>` of the sample's tokenizer."""
_CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])


def record(family: str, min_pixels: int = 3136, max_pixels: int = 262_144) -> dict[str, Any]:
    """What a run's `octomed.json` says of its images."""
    mean, std = _CLIP if family == "qwen2.5-vl" else ([0.5] * 3, [0.5] * 3)
    return {
        "family": family,
        "patch_size": 14 if family == "qwen2.5-vl" else 16,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "mean": mean,
        "std": std,
        "min_pixels": min_pixels,
        "max_pixels": max_pixels,
        "image_token_id": IMAGE,
        "vision_start_token_id": START,
        "vision_end_token_id": END,
        "store": "original",
        "codec": "webp",
        "alpha": "drop",
        "gray16": "reject",
        "exif": "applied",
        "resize": "bicubic, antialiased, width then height",
        "max_source_pixels": 100_000_000,
    }


RECORDS = {family: record(family) for family in ("qwen2.5-vl", "qwen3-vl")}


@cache
def encoded(height: int, width: int, seed: int = 0, kind: str = "JPEG") -> bytes:
    """An image that is smooth here and noisy there, as a file."""
    draw = np.random.default_rng([height, width, seed])
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(9 * (x * draw.normal() + y * draw.normal()) + draw.normal()) for _ in range(3)]
    levels = 120 + 90 * np.stack(waves, axis=-1) + draw.normal(0, 18, (height, width, 3)) * (x > y)[..., None]
    file = io.BytesIO()
    options = {"quality": 90} if kind == "JPEG" else {}
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(file, kind, **options)
    return file.getvalue()


def grid_of(data: bytes, vision: dict[str, Any]) -> tuple[int, int, int]:
    """The patches of an image along time, height and width, by transformers' own rule."""
    width, height = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size
    patch = vision["patch_size"]
    sides = smart_resize(
        height, width, patch * vision["merge_size"], vision["min_pixels"], vision["max_pixels"]
    )
    return 1, sides[0] // patch, sides[1] // patch


def slow_patches(data: bytes, grid: tuple[int, int, int], vision: dict[str, Any]) -> NDArray[np.uint8]:
    """Patches of bytes by torchvision's decoder and resize, `[C, P, P]` each, in the models' order."""
    patch, merge = vision["patch_size"], vision["merge_size"]
    pixels = decode_image(
        torch.frombuffer(bytearray(data), dtype=torch.uint8),
        ImageReadMode.RGB,
        apply_exif_orientation=True,
    )
    size = [grid[1] * patch, grid[2] * patch]
    if list(pixels.shape[1:]) != size:
        pixels = functional.resize(pixels, size, functional.InterpolationMode.BICUBIC, antialias=True)
    rows = pixels.numpy().reshape(3, grid[1] // merge, merge, patch, grid[2] // merge, merge, patch)
    return rows.transpose(1, 4, 2, 5, 0, 3, 6).reshape(grid[1] * grid[2], -1)


@dataclass
class Document:
    """A document: parts of text, as ids and whether they are learned, and images, as files."""

    parts: list[tuple[list[int], bool] | bytes]
    trace: int = 0

    def ids(self, vision: dict[str, Any]) -> list[int]:
        """Its tokens; an image stands between the two tokens that mark it."""
        found: list[int] = []
        for part in self.parts:
            if isinstance(part, bytes):
                tokens = np.prod(grid_of(part, vision)) // vision["merge_size"] ** 2
                found += [START, *[IMAGE] * int(tokens), END]
            else:
                found += part[0]
        return found

    @property
    def images(self) -> list[bytes]:
        """Its images, in order."""
        return [part for part in self.parts if isinstance(part, bytes)]


@dataclass
class Builder:
    """Puts documents into a pack, whose images stand in it once."""

    vision: dict[str, Any]
    ids: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    spans: list[list[int]] = field(default_factory=list)
    traces: list[int] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    refs: list[int] = field(default_factory=list)

    def add(self, document: Document) -> None:
        """Append a document."""
        begin = len(self.ids)
        for part in document.parts:
            at = len(self.ids)
            self.ids += Document([part]).ids(self.vision)
            if isinstance(part, bytes):
                if part not in self.images:
                    self.images.append(part)
                self.refs.append(self.images.index(part))
            elif part[1] and part[0]:
                self.spans.append([at, len(self.ids)])
        self.lengths.append(len(self.ids) - begin)
        self.traces.append(document.trace)

    def pack(self) -> Pack:
        """The columns of the pack, as `PackedDataset` gives them."""
        offsets = np.cumsum([0, *map(len, self.images)]) if self.images else []
        grids = [grid_of(image, self.vision) for image in self.images]
        return {
            "images": b"".join(self.images),
            "image_offsets": np.array(offsets, np.uint32),
            "image_grid_thw": np.array(grids, np.uint32).reshape(-1, 3),
            "image_refs": np.array(self.refs, np.uint32),
            "input_ids": np.array(self.ids, np.uint32),
            "lengths": np.array(self.lengths, np.uint32),
            "loss_spans": np.array(self.spans, np.uint32).reshape(-1, 2),
            "trace_ids": np.array(self.traces, np.uint64),
        }


def pack_of(documents: list[Document], vision: dict[str, Any]) -> Pack:
    """A pack of some documents."""
    builder = Builder(vision)
    for document in documents:
        builder.add(document)
    return builder.pack()


def stored(pack: Pack) -> Pack:
    """A pack as a shard has it: the columns of images are bytes."""
    return {name: value.tobytes() if name.startswith("image_") else value for name, value in pack.items()}
