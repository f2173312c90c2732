"""Images a second of a loader process: our collator beside torchvision and the fast image processor.

Packs of generated JPEGs of 512 × 512 pixels, in one run on one machine, in this process and in one worker.
`octomed` gives patches of bytes, and so does `torchvision`, where the same is written with its decoder and
its resize; `octomed, pixel values` and `fast processor` give the normalised pixel values of the model.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from bench.compare.machine import describe
from octomed import vision as images
from octomed.stream import Collator
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional
from transformers import Qwen2VLImageProcessorFast

if TYPE_CHECKING:
    from collections.abc import Callable

    Pack = dict[str, Any]

IMAGE_TOKEN = 151_655
MOST_PIXELS = 262_144


def record(family: str) -> dict[str, Any]:
    """What a run for a family says of its images."""
    (found,) = (one for one in images.families() if one.name == family)
    names = ("patch_size", "merge_size", "temporal_patch_size", "mean", "std", "min_pixels")
    tokens = {"image_token_id": IMAGE_TOKEN, "vision_start_token_id": 151_652, "vision_end_token_id": 151_653}
    rules = {"alpha": "drop", "gray16": "reject", "store": "original", "codec": "webp"}
    values = {name: getattr(found, name) for name in names}
    return {"family": family, **values, **tokens, **rules, "max_pixels": MOST_PIXELS}


def jpeg(number: int, side: int) -> bytes:
    """A photograph-like image: large shapes, edges, and a little noise."""
    draw = np.random.default_rng(number)
    y, x = np.mgrid[0:side, 0:side] / side
    levels = np.full((side, side, 3), 110.0)
    for _ in range(12):
        wave = np.sin(2 * np.pi * (draw.normal(0, 3) * x + draw.normal(0, 3) * y + draw.random()))
        levels += draw.normal(0, 12, 3) * wave[..., None]
    for _ in range(10):
        center, size = draw.random(2), draw.random() * 0.2
        inside = (x - center[0]) ** 2 + (y - center[1]) ** 2 < size**2
        levels[inside] += draw.normal(0, 40, 3)
    levels += draw.normal(0, 4, levels.shape)
    file = io.BytesIO()
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def pack(first: int, count: int, side: int, vision: dict[str, Any]) -> Pack:
    """A pack of documents of an image and some text each."""
    files = [jpeg(first + number, side) for number in range(count)]
    bounds = {name: vision[name] for name in ("min_pixels", "max_pixels")}
    height, width = images.resized(side, side, vision["family"], **bounds)
    tokens = images.tokens(side, side, vision["family"], **bounds)
    document = np.concatenate([np.full(tokens, IMAGE_TOKEN), np.arange(400)]).astype(np.uint32)
    edges = np.arange(1, count + 1, dtype=np.uint32) * len(document)
    grid = (1, height // vision["patch_size"], width // vision["patch_size"])
    return {
        "images": b"".join(files),
        "image_offsets": np.cumsum([0, *map(len, files)]).astype(np.uint32),
        "image_grid_thw": np.array([grid] * count, np.uint32),
        "image_refs": np.arange(count, dtype=np.uint32),
        "input_ids": np.tile(document, count),
        "lengths": np.full(count, len(document), np.uint32),
        "loss_spans": np.stack([edges - 100, edges], axis=1),
        "trace_ids": np.arange(first, first + count, dtype=np.uint64),
    }


def files_of(packs: list[Pack]) -> list[bytes]:
    """The files of some packs, one by one."""
    return [
        one["images"][begin:end]
        for one in packs
        for begin, end in zip(one["image_offsets"][:-1], one["image_offsets"][1:], strict=True)
    ]


def contestants(vision: dict[str, Any]) -> dict[str, Callable[[list[Pack]], Any]]:
    """What makes pixels of packs, by name."""
    patch, merge = vision["patch_size"], vision["merge_size"]
    processor = Qwen2VLImageProcessorFast(
        patch_size=patch, image_mean=vision["mean"], image_std=vision["std"]
    )
    bounds = {name: vision[name] for name in ("min_pixels", "max_pixels")}
    ours, finished = Collator(vision=vision), Collator(vision=vision, pixel_values=True)

    def by_processor(packs: list[Pack]) -> torch.Tensor:
        opened = [Image.open(io.BytesIO(file)) for file in files_of(packs)]
        return processor(opened, **bounds, return_tensors="pt")["pixel_values"]

    def by_torchvision(packs: list[Pack]) -> torch.Tensor:
        grids = np.concatenate([one["image_grid_thw"] for one in packs]).tolist()
        made = []
        for file, (_, high, wide) in zip(files_of(packs), grids, strict=True):
            pixels = decode_image(torch.frombuffer(bytearray(file), dtype=torch.uint8), ImageReadMode.RGB)
            size = [high * patch, wide * patch]
            if list(pixels.shape[1:]) != size:
                pixels = functional.resize(pixels, size, functional.InterpolationMode.BICUBIC, antialias=True)
            rows = pixels.view(3, high // merge, merge, patch, wide // merge, merge, patch)
            made.append(rows.permute(1, 4, 2, 5, 0, 3, 6).reshape(high * wide, -1))
        return torch.cat(made)

    return {
        "octomed": lambda packs: ours(packs)["image_patches"],
        "torchvision": by_torchvision,
        "octomed, pixel values": lambda packs: finished(packs)["pixel_values"],
        "fast processor": by_processor,
    }


def images_a_second(packs: list[Pack], collate: Callable[[list[Pack]], Any], workers: int) -> list[float]:
    """Images a second of wall time, and of CPU time of all processes together."""
    loader: DataLoader[Any] = DataLoader(packs, batch_size=1, num_workers=workers, collate_fn=collate)  # type: ignore[arg-type]
    begin, spent = time.perf_counter(), cpu_seconds()
    count = sum(1 for _ in loader)
    assert count == len(packs)
    total = sum(len(one["image_grid_thw"]) for one in packs)
    return [total / (time.perf_counter() - begin), total / (cpu_seconds() - spent)]


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(packs: int, count: int, side: int, family: str, rounds: int) -> dict[str, Any]:
    """Rates of all contestants, in turns."""
    vision = record(family)
    made = [pack(1000 * number, count, side, vision) for number in range(packs)]
    named = contestants(vision)
    assert torch.equal(named["octomed"](made[:1]), named["torchvision"](made[:1])), "other patches"
    assert torch.equal(named["octomed, pixel values"](made[:1]), named["fast processor"](made[:1])), (
        "other pixels"
    )
    rates: dict[str, dict[str, list[list[float]]]] = {}
    for _ in range(rounds):
        for workers in (0, 1):
            for name, collate in named.items():
                found = rates.setdefault(name, {}).setdefault(str(workers), [])
                found.append(images_a_second(made, collate, workers))
    return {
        name: {
            workers: {
                "images_a_second": statistics.median(wall for wall, _ in values),
                "images_a_cpu_second": statistics.median(cpu for _, cpu in values),
            }
            for workers, values in by.items()
        }
        for name, by in rates.items()
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=20)
    parser.add_argument("--images", type=int, default=40, help="images a pack")
    parser.add_argument("--side", type=int, default=512, help="pixels along each side of an image")
    parser.add_argument("--family", default="qwen2.5-vl")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("bench/results/stream_images.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = {name: getattr(options, name) for name in ("packs", "images", "side", "family", "rounds")}
    found = measure(options.packs, options.images, options.side, options.family, options.rounds)
    result = describe() | {"settings": settings, "rates": found}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    for name, by in found.items():
        figures = ", ".join(
            f"{workers} workers {one['images_a_second']:.0f} images/s "
            f"({one['images_a_cpu_second']:.0f} a CPU second)"
            for workers, one in by.items()
        )
        print(f"{name:22} {figures}")


if __name__ == "__main__":
    main()
