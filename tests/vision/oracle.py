"""What Hugging Face's processors and torchvision make of images."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image

FAMILIES = ["qwen2.5-vl", "qwen3-vl"]
FACTORS = {"qwen2.5-vl": 28, "qwen3-vl": 32}
MEAN = {"qwen2.5-vl": [0.48145466, 0.4578275, 0.40821073], "qwen3-vl": [0.5, 0.5, 0.5]}
STD = {"qwen2.5-vl": [0.26862954, 0.26130258, 0.27577711], "qwen3-vl": [0.5, 0.5, 0.5]}
BOUNDS = {
    "qwen2.5-vl": [(3_136, 12_845_056), (3_136, 262_144), (3_136, 1_003_520)],
    "qwen3-vl": [(65_536, 16_777_216), (65_536, 262_144)],
}


def smart_resize(height, width, family, bounds):
    """Return what transformers' own function says."""
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    return smart_resize(height, width, FACTORS[family], *bounds)


def smart_resize_of_a_row(height, widths, family, bounds):
    """Return the same for one height and many widths at once; 0 by 0 where it refuses."""
    factor, (least, most) = FACTORS[family], bounds
    widths = widths.astype(np.float64)
    rows = np.full_like(widths, float(round(height / factor) * factor))
    columns = np.round(widths / factor) * factor
    area, wanted = height * widths, rows * columns
    shrink = np.sqrt(area / most)
    grow = np.sqrt(least / area)
    above, below = wanted > most, wanted < least
    made = []
    for side, rounded in ((np.full_like(widths, height), rows), (widths, columns)):
        smaller = np.maximum(factor, np.floor(side / shrink / factor) * factor)
        larger = np.ceil(side * grow / factor) * factor
        made.append(np.where(above, smaller, np.where(below, larger, rounded)))
    long, short = np.maximum(height, widths), np.minimum(height, widths)
    refused = long / short > 200
    return tuple(np.where(refused, 0, side).astype(np.int64) for side in made)


@cache
def processor(family):
    """Return the fast processor of transformers, as the family's configuration has it."""
    from transformers import Qwen2VLImageProcessorFast

    return Qwen2VLImageProcessorFast(
        patch_size=FACTORS[family] // 2,
        merge_size=2,
        temporal_patch_size=2,
        image_mean=MEAN[family],
        image_std=STD[family],
    )


def processed(image, family, bounds):
    """Return `pixel_values` and the grid that the fast processor makes of a PIL image."""
    made = processor(family)(image, min_pixels=bounds[0], max_pixels=bounds[1], return_tensors="pt")
    return made["pixel_values"].numpy(), made["image_grid_thw"].numpy()


def torchvision_resize(image, height, width):
    """Return the image as torchvision resizes it."""
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    resized = functional.resize(
        planes, [height, width], interpolation=InterpolationMode.BICUBIC, antialias=True
    )
    return resized.numpy().transpose(1, 2, 0)


def noise(height, width, seed=0, kind="noise"):
    """Return an image of noise, of black and white noise, or a smooth one."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "extremes":
        return rng.integers(0, 2, (height, width, 3), dtype=np.uint8) * np.uint8(255)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (7 + c) + c) * np.cos(y / (11 + c)) for c in range(3)]
    return np.uint8(127.5 + 127 * np.stack(waves, -1))


def jpeg(image, **options):
    """Return the bytes of a JPEG that Pillow writes."""
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def pixels(data):
    """Return the RGB pixels that Pillow finds in a file."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
