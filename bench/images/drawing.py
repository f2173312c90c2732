"""Images that compress and decode as natural ones do: photograph-like and scan-like, drawn from a seed.

A photograph is noise of which each octave has about the same energy (1/f), in colours that follow the
brightness, with soft and hard shapes, a gradient and the noise of a sensor. A scan is grey: a dark border, a
body with smooth structures, and speckle.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.float32]
Draw = np.random.Generator

SHORTEST, LONGEST = 256, 2_048
"""The longer side lies between these, evenly by its logarithm."""
COARSEST = 4
PNG_SHARE = {"photograph": 0.22, "scan": 0.28}
LARGEST_PNG_PHOTOGRAPH = 360_000
"""Pixels; larger photographs are stored as JPEG, as they are in practice."""
NAMES = {"JPEG": "jpg", "PNG": "png"}


@dataclass(frozen=True)
class Drawn:
    """An encoded image and what it is."""

    file: bytes
    suffix: str
    kind: str
    height: int
    width: int


def sides(draw: Draw) -> tuple[int, int]:
    """Height and width."""
    longer = round(float(np.exp(draw.uniform(np.log(SHORTEST), np.log(LONGEST)))))
    shorter = max(SHORTEST // 2, round(longer * draw.uniform(0.6, 1.0)))
    return (longer, shorter) if draw.random() < 0.4 else (shorter, longer)


def enlarged(plane: Plane, height: int, width: int) -> Plane:
    """A plane of another size, smoothly."""
    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    return np.array(resized, dtype=np.float32)


def octaves(draw: Draw, height: int, width: int, persistence: float) -> Plane:
    """Noise of about unit variance; each octave has `persistence` of the amplitude of the coarser one."""
    steps = max(1, int(np.log2(max(height, width) / COARSEST)))
    sizes = [(-(-height // 2**step), -(-width // 2**step)) for step in range(steps, -1, -1)]
    made = draw.standard_normal(sizes[0], dtype=np.float32)
    amplitude = total = 1.0
    for size in sizes[1:]:
        amplitude *= persistence
        total += amplitude**2
        made = enlarged(made, *size)
        made += np.float32(amplitude) * draw.standard_normal(size, dtype=np.float32)
    return made / np.float32(np.sqrt(total))


def add_ellipse(draw: Draw, plane: Plane, level: float, softness: float) -> None:
    """Adds an ellipse with an edge of some softness."""
    height, width = plane.shape
    radius = draw.uniform(0.04, 0.25, 2) * (height, width)
    center = draw.random(2) * (height, width)
    low = np.maximum(0, center - 1.5 * radius).astype(int)
    high = np.minimum((height, width), center + 1.5 * radius).astype(int)
    y = (np.arange(low[0], high[0], dtype=np.float32)[:, None] - center[0]) / radius[0]
    x = (np.arange(low[1], high[1], dtype=np.float32)[None, :] - center[1]) / radius[1]
    inside = np.clip((1 - y * y - x * x) / softness, 0, 1)
    plane[low[0] : high[0], low[1] : high[1]] += np.float32(level) * inside.astype(np.float32)


def photograph(draw: Draw, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Colour, height × width × 3."""
    light = octaves(draw, height, width, draw.uniform(0.5, 0.66)) * np.float32(34)
    light += np.linspace(-25, 25, width, dtype=np.float32)[None, :] * np.float32(draw.uniform(-1, 1))
    for _ in range(int(draw.integers(6, 16))):
        add_ellipse(draw, light, draw.normal(0, 38), draw.choice([0.03, 0.3, 1.0]))
    light += np.float32(draw.uniform(90, 150))
    quarter = (-(-height // 4), -(-width // 4))
    tints = [enlarged(octaves(draw, *quarter, 0.55) * np.float32(16), height, width) for _ in range(2)]
    grain = draw.standard_normal((height, width), dtype=np.float32) * np.float32(draw.uniform(0.3, 1.8))
    made = np.empty((height, width, 3), dtype=np.float32)
    made[..., 0] = light * np.float32(1.06) + tints[0] + grain
    made[..., 1] = light + grain * np.float32(0.8) - tints[0] * np.float32(0.3)
    made[..., 2] = light * np.float32(0.92) + tints[1] + grain
    return made.clip(0, 255).astype(np.uint8)


def scan(draw: Draw, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Grey, height × width."""
    body = octaves(draw, height, width, draw.uniform(0.4, 0.5)) * np.float32(22)
    body += np.float32(draw.uniform(70, 130))
    for _ in range(int(draw.integers(4, 12))):
        add_ellipse(draw, body, draw.normal(0, 45), draw.choice([0.1, 0.6]))
    half = (-(-height // 2), -(-width // 2))
    speckle = enlarged(draw.standard_normal(half, dtype=np.float32), height, width)
    body *= 1 + speckle * np.float32(draw.uniform(0.01, 0.04))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] / np.float32(draw.uniform(0.7, 0.95))
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] / np.float32(draw.uniform(0.6, 0.95))
    body *= np.clip((1 - y * y - x * x) * np.float32(12), 0, 1)
    return body.clip(0, 255).astype(np.uint8)


def encoded(draw: Draw, pixels: npt.NDArray[np.uint8], kind: str) -> tuple[bytes, str]:
    """The file, and the ending of its name: PNG, or JPEG of quality 85 to 95."""
    image = Image.fromarray(pixels)
    large = kind == "photograph" and image.width * image.height > LARGEST_PNG_PHOTOGRAPH
    stored_as = "PNG" if draw.random() < PNG_SHARE[kind] and not large else "JPEG"
    if kind == "scan" and draw.random() < 0.4:
        image = image.convert("RGB")
    target = io.BytesIO()
    if stored_as == "PNG":
        image.save(target, "PNG", compress_level=6)
    else:
        quality, subsampling = int(draw.integers(85, 96)), "4:4:4" if draw.random() < 0.3 else "4:2:0"
        image.save(target, "JPEG", quality=quality, subsampling=subsampling)
    return target.getvalue(), NAMES[stored_as]


def drawn(seed: int, number: int) -> Drawn:
    """Image `number` of a seed."""
    draw = np.random.default_rng(np.random.SeedSequence([seed, number]))
    height, width = sides(draw)
    kind = "photograph" if draw.random() < 0.5 else "scan"
    pixels = photograph(draw, height, width) if kind == "photograph" else scan(draw, height, width)
    file, suffix = encoded(draw, pixels, kind)
    return Drawn(file, suffix, kind, height, width)
