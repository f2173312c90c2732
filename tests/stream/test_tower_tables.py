"""What a vision tower derives from grids, beside what transformers derives from them."""

from __future__ import annotations

import importlib
import importlib.util
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.errors import DataError, RecipeError
from octomed.stream import Collator
from octomed.stream.contract import CONTRACT, COUNTED_OF_IMAGES, Axis
from octomed.stream.tower_tables import TowerTables
from torch.utils.data import DataLoader

from .image_packs import IMAGE, RECORDS
from .reading import drain
from .test_images import some_packs

SIDE = 9
UTILS = importlib.util.find_spec("transformers.vision_utils") and importlib.import_module(
    "transformers.vision_utils"
)
"""Of transformers 5; before, towers compute these values themselves."""


def configuration(**vision: Any) -> Any:
    sizes = {"patch_size": 14, "spatial_merge_size": 2} | vision
    return SimpleNamespace(vision_config=SimpleNamespace(**sizes))


WINDOWED = TowerTables.of(configuration(window_size=112))
INTERPOLATED = TowerTables.of(configuration(num_position_embeddings=SIDE**2))
SIDES = st.one_of(st.integers(1, 10), st.sampled_from([31, 60])).map(lambda side: 2 * side)
GRIDS = st.lists(st.tuples(st.integers(1, 2), SIDES, SIDES), min_size=1, max_size=6)


def bare(module: str, name: str, **attributes: Any) -> Any:
    """A tower without weights, that computes what follows from grids."""
    kind = getattr(importlib.import_module(f"transformers.models.{module}"), name)
    tower = kind.__new__(kind)
    torch.nn.Module.__init__(tower)
    sizes = {"spatial_merge_size": 2, "patch_size": 14, "spatial_merge_unit": 4, "num_grid_per_side": SIDE}
    for key, value in (sizes | attributes).items():
        setattr(tower, key, value)
    return tower


def windows_of(grids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Order of units and edges of windows, by transformers."""
    if UTILS:
        return UTILS.get_vision_window_index(grids, 2, 112, 14)
    module = "qwen2_5_vl.modeling_qwen2_5_vl"
    tower = bare(module, "Qwen2_5_VisionTransformerPretrainedModel", window_size=112)
    order, edges = tower.get_window_index(grids)
    return order, torch.unique_consecutive(torch.tensor(edges))


def positions_of(grids: torch.Tensor) -> torch.Tensor:
    """Rows and columns, by transformers."""
    if UTILS:
        return UTILS.get_vision_position_ids(grids, 2)
    module = "qwen3_vl.modeling_qwen3_vl"
    tower = bare(module, "Qwen3VLVisionModel", rotary_pos_emb=lambda size: torch.arange(size)[:, None])
    return tower.rot_pos_emb(grids)


def interpolated_by(grids: torch.Tensor, embeddings: torch.nn.Embedding) -> torch.Tensor:
    """Position embeddings of patches, by transformers."""
    if UTILS:
        indices, weights = UTILS.get_vision_interpolation_indices_and_weights(
            grids, SIDE, align_corners=True, spatial_merge_size=2
        )
        return (embeddings(indices) * weights[:, :, None]).sum(1)
    config = SimpleNamespace(spatial_merge_size=2)
    module = "qwen3_vl.modeling_qwen3_vl"
    tower = bare(module, "Qwen3VLVisionModel", pos_embed=embeddings, config=config)
    return tower.fast_pos_embed_interpolate(grids)


@settings(deadline=None, max_examples=25)
@given(GRIDS)
def test_windows_are_those_of_transformers(grids):
    batch = WINDOWED.of_images(grids)
    order, edges = windows_of(torch.tensor(grids))
    units = batch["image_counts"][:, 1]
    first = (units.cumsum(0) - units).repeat_interleave(units)
    assert torch.equal(batch["image_window_order"] + first, order)
    assert torch.equal(batch["image_window_lengths"].cumsum(0), edges[1:])


@settings(deadline=None, max_examples=25)
@given(GRIDS)
def test_positions_are_those_of_transformers(grids):
    found = WINDOWED.of_images(grids)["image_positions"]
    assert torch.equal(found.long(), positions_of(torch.tensor(grids)))


@settings(deadline=None, max_examples=25)
@given(GRIDS, st.sampled_from([torch.float32, torch.float64]))
def test_interpolation_is_that_of_transformers_to_the_bit(grids, dtype):
    embeddings = torch.nn.Embedding(SIDE**2, 3, dtype=dtype)
    batch = INTERPOLATED.of_images(grids)
    corners = embeddings(batch["image_corner_indices"]) * batch["image_corner_weights"][:, :, None]
    first, second, third, fourth = corners.unbind(1)
    expected = interpolated_by(torch.tensor(grids), embeddings)
    assert torch.equal(first + second + third + fourth, expected)
    total = batch["image_corner_weights"].sum(1)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-6)


@given(GRIDS)
@settings(deadline=None, max_examples=30)
def test_both_ways_of_rounding_interpolate_alike(grids):
    tables = [TowerTables(2, grid_side=SIDE, corners=way).of_images(grids) for way in ("spaced", "divided")]
    places = []
    for batch in tables:
        indices, weights = batch["image_corner_indices"], batch["image_corner_weights"]
        rows = (indices // SIDE * weights).sum(1)
        places.append(torch.stack([rows, (indices % SIDE * weights).sum(1)]))
    assert torch.allclose(*places, atol=1e-5)


@pytest.mark.parametrize("tables", [WINDOWED, INTERPOLATED], ids=["windows", "interpolation"])
@settings(deadline=None, max_examples=30)
@given(grids=GRIDS)
def test_values_of_an_image_are_cut_out_of_a_batch_by_its_counts(tables, grids):
    batch = tables.of_images(grids)
    assert batch["image_sizes"] == tuple(grids)
    counts = batch["image_counts"]
    assert counts[:, 0].tolist() == [math.prod(grid) for grid in grids]
    ends = dict(zip(COUNTED_OF_IMAGES, counts.cumsum(0).unbind(1), strict=True))
    sizes = dict(zip(COUNTED_OF_IMAGES, counts.unbind(1), strict=True))
    alone = [tables.of_images([grid]) for grid in grids]
    for name, axis in ((name, CONTRACT[name]) for name in batch if CONTRACT[name] is not Axis.IMAGES):
        assert len(batch[name]) == int(ends[axis][-1])
        for end, size, one in zip(ends[axis].tolist(), sizes[axis].tolist(), alone, strict=True):
            assert torch.equal(batch[name][end - size : end], one[name]), name


def test_tables_of_a_grid_are_kept_unless_they_are_large():
    assert WINDOWED.of_grid((1, 8, 8)) is WINDOWED.of_grid((1, 8, 8))
    large = WINDOWED.of_grid((1, 128, 64))
    assert large is not WINDOWED.of_grid((1, 128, 64))
    assert large.counts.tolist() == [[8192, 2048, 128]]


@pytest.mark.parametrize("grid", [(1, 3, 4), (1, 4, 5), (0, 2, 2), (1, 0, 2)])
def test_a_grid_that_is_not_whole_units_is_refused(grid):
    with pytest.raises(DataError, match="patches"):
        WINDOWED.of_images([grid])


def test_a_tower_that_is_not_possible_is_refused():
    with pytest.raises(RecipeError, match="window"):
        TowerTables.of(configuration(window_size=14))
    with pytest.raises(RecipeError, match="no vision tower"):
        TowerTables.of(SimpleNamespace(model_type="qwen2"))


TABLES = {"qwen2.5-vl": WINDOWED, "qwen3-vl": INTERPOLATED}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("family", TABLES)
def test_a_batch_has_the_tables_of_its_images(family, workers):
    packs = some_packs(RECORDS[family])
    collator = Collator(vision=RECORDS[family], tower_tables=TABLES[family])
    loader: Any = DataLoader(packs, batch_size=3, collate_fn=collator, num_workers=workers)
    (batch,) = drain(loader)
    plain = Collator(vision=RECORDS[family])(packs)
    expected = plain | TABLES[family].of_images(plain["image_grid_thw"])
    ids = batch["input_ids"][0].split(batch["packs"][:, 0].tolist())
    expected |= {"image_tokens": tuple(int((one == IMAGE).sum()) for one in ids)}
    assert list(batch) == list(expected)
    assert set(batch) <= set(CONTRACT)
    for name, value in expected.items():
        same = torch.equal(batch[name], value) if isinstance(value, torch.Tensor) else batch[name] == value
        assert same, name
    assert batch["image_sizes"] == tuple(map(tuple, plain["image_grid_thw"].tolist()))


@pytest.mark.parametrize("family", TABLES)
def test_a_batch_without_an_image_has_empty_tables(family):
    text = [some_packs(RECORDS[family])[1]]
    batch = Collator(vision=RECORDS[family], tower_tables=TABLES[family])(text)
    shown = Collator(vision=RECORDS[family], tower_tables=TABLES[family])(some_packs(RECORDS[family]))
    assert list(batch) == list(shown)
    assert (batch["image_sizes"], batch["image_tokens"]) == ((), (0,))
    for name, value in batch.items():
        if name.startswith("image_") and isinstance(value, torch.Tensor):
            assert len(value) == 0
            assert (value.dtype, value.shape[1:]) == (shown[name].dtype, shown[name].shape[1:])
    finished = Collator(
        vision=RECORDS[family], tower_tables=TABLES[family], pixel_values=True, share_images=True
    )(text)
    assert not [name for name in finished if name.startswith("image_")]


def test_tables_go_with_images_that_stand_once_and_are_of_their_units():
    vision = RECORDS["qwen2.5-vl"]
    for settings_ in ({"share_images": False}, {"pixel_values": True}):
        with pytest.raises(RecipeError, match="stand once"):
            Collator(vision=vision, tower_tables=WINDOWED, **settings_)
    with pytest.raises(RecipeError, match="units of 3"):
        Collator(vision=vision, tower_tables=TowerTables(3))
    with pytest.raises(RecipeError, match="without `vision`"):
        Collator(tower_tables=WINDOWED)
