"""Small vision towers with windows, whole images and deepstack, batches for them, and stock towers beside."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
from octomed.stream.images import Vision
from octomed.stream.pixels import pixel_values

from tests.stream.image_packs import RECORDS

from . import tiny

FAMILIES = {"qwen2_5_vl": "qwen2.5-vl", "qwen3_vl": "qwen3-vl"}
_LAYERS = {
    "qwen2_5_vl": {"fullatt_block_indexes": [1, 3]},
    "qwen3_vl": {"deepstack_visual_indexes": [0, 2], "num_position_embeddings": 81},
}
HOSTILE = [(1, 1), (1, 31), (17, 1), (3, 3), (4, 4), (8, 4), (5, 9), (2, 13)]
"""Units along height and width: one, long and thin, below a window, a window, several, windows cut off."""


def configuration(family: str, **vision: Any) -> dict[str, Any]:
    values = tiny.configuration(family)
    return values | {"vision_config": values["vision_config"] | {"depth": 4} | _LAYERS[family] | vision}


def fresh(family: str, dtype: str = "float32", **vision: Any) -> Any:
    """A model whose attention looks somewhere: with weights as they are drawn, it hardly does."""
    from octomed.train.build import build_model, read_configuration

    model = build_model(read_configuration(None, configuration(family, **vision)), dtype=dtype)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.model.visual.parameters():
            if parameter.ndim > 1:
                width = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=draw) * 1.5 / width**0.5)
    return model


@lru_cache(maxsize=8)
def model(family: str, dtype: str = "float32") -> Any:
    return fresh(family, dtype)


def vision(family: str) -> Vision:
    return Vision.of(RECORDS[FAMILIES[family]])


def grids_of(units: Any) -> list[tuple[int, int, int]]:
    return [(1, 2 * height, 2 * width) for height, width in units]


def batch_of(tables: Any, family: str, grids: Any, seed: int = 0) -> dict[str, Any]:
    """What a loader makes of images of these grids, whose pixels are noise."""
    draw = torch.Generator().manual_seed(seed)
    shape = (sum(map(math.prod, grids)), vision(family).patch_bytes)
    patches = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)
    grid = torch.tensor(grids).reshape(-1, 3)
    return {"image_patches": patches, "image_grid_thw": grid} | tables.of_images(grids)


def stock(language_model: Any, family: str, batch: dict[str, Any]) -> list[torch.Tensor]:
    """The features of the stock tower: what is merged, and deepstack's."""
    tower = language_model.model.visual
    kind = tower.patch_embed.proj.weight.dtype
    found = tower(pixel_values(batch["image_patches"], vision(family), kind), batch["image_grid_thw"])
    if isinstance(found, torch.Tensor):
        return [found]
    if isinstance(found, tuple):
        return [found[0], *found[1]]
    return [found.pooler_output, *(getattr(found, "deepstack_features", None) or ())]
