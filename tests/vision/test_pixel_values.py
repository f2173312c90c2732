"""From the file on, `pixel_values` are those of the fast processor of transformers, bit for bit."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import _octomed, vision
from octomed.errors import DataError
from PIL import Image

from tests.vision.oracle import BOUNDS, FAMILIES, jpeg, noise, pixels, processed

pytest.importorskip("transformers")
pytest.importorskip("torchvision")

JPEGS = {
    "4:2:0": {"subsampling": "4:2:0", "quality": 90},
    "4:2:2": {"subsampling": "4:2:2", "quality": 85},
    "4:4:4": {"subsampling": "4:4:4", "quality": 95},
    "progressive": {"progressive": True, "quality": 80},
    "grey": {"quality": 90},
    "restart": {"restart_marker_blocks": 3, "quality": 75},
}
SIZES = [(97, 131), (300, 200), (768, 1_024), (1, 40), (3, 77), (57, 1_001)]
BOUND = {"qwen2.5-vl": (3_136, 262_144), "qwen3-vl": (65_536, 262_144)}


def prepared(image, family, bounds):
    size = vision.resized(*image.shape[:2], family, min_pixels=bounds[0], max_pixels=bounds[1])
    return vision.patches(vision.resize(image, *size), family)


def written(kind, height, width):
    image = Image.fromarray(noise(height, width, height, "smooth" if height % 2 else "noise"))
    return jpeg(image.convert("L") if kind == "grey" else image, **JPEGS[kind])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", JPEGS)
def test_from_the_jpeg_on(family, kind):
    for height, width in SIZES:
        data = written(kind, height, width)
        image = vision.decode(data)
        assert (image == pixels(data)).all()
        found = vision.pixel_values(prepared(image, family, BOUND[family]), family)
        wanted, grid = processed(Image.open(io.BytesIO(data)), family, BOUND[family])
        assert found.shape == wanted.shape
        assert (found == wanted).all()
        assert grid[0].prod() == len(found)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([(family, bounds) for family in FAMILIES for bounds in BOUNDS[family]]),
    st.integers(0, 2**32),
)
def test_any_pixels(height, width, case, seed):
    family, bounds = case
    if max(height, width) <= 200 * min(height, width):
        image = noise(height, width, seed)
        found = vision.pixel_values(prepared(image, family, bounds), family)
        wanted, _ = processed(Image.fromarray(image), family, bounds)
        assert (found == wanted).all()


def test_an_image_in_other_bounds_has_another_grid():
    image = noise(300, 400)
    assert len(prepared(image, "qwen2.5-vl", (3_136, 50_000))) < len(
        prepared(image, "qwen2.5-vl", BOUND["qwen2.5-vl"])
    )


def record(family, **others):
    least, most = BOUND[family]
    return json.dumps({"family": family, "min_pixels": least, "max_pixels": most, "store": "x", **others})


def pack(files, family):
    sizes = [vision.resized(*vision.size(file), family, max_pixels=BOUND[family][1]) for file in files]
    patch = {"qwen2.5-vl": 14, "qwen3-vl": 16}[family]
    grids = np.array([(1, height // patch, width // patch) for height, width in sizes], np.uint32)
    offsets = np.cumsum([0, *map(len, files)]).astype(np.uint32)
    return b"".join(files), offsets, grids.reshape(-1, 3)


def room(packs, family):
    rows = sum(int(pack[2].prod(1).sum()) for pack in packs if pack)
    return np.full((rows, {"qwen2.5-vl": 588, "qwen3-vl": 768}[family]), 77, np.uint8)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_is_its_images_one_after_the_other(family, threads):
    files = [written(kind, *size) for kind, size in zip(JPEGS, SIZES, strict=True)]
    files.append(vision.encode(noise(60, 90), "png"))
    packs = [pack(files[:3], family), None, pack([], family), pack(files[3:], family)]
    out = room(packs, family)
    _octomed.image_patches(packs, record(family), out, threads)
    wanted = [prepared(vision.decode(file), family, BOUND[family]) for file in files]
    assert (out == np.concatenate(wanted)).all()


def test_what_is_wrong_with_a_batch_is_said_with_its_place():
    family = "qwen2.5-vl"
    good, bad = written("4:2:0", 97, 131), written("4:2:0", 90, 120)
    whole, cut = pack([good, good], family), pack([good, bad], family)
    cut = (cut[0][:-20], cut[1].copy(), cut[2])
    cut[1][-1] -= 20
    packs = [whole, None, cut]
    with pytest.raises(DataError, match="image 1 of pack 2: ") as refused:
        _octomed.image_patches(packs, record(family), room(packs, family), 2)
    assert "verify" in refused.value.hint

    turned = (whole[0], whole[1], np.ascontiguousarray(whole[2][:, [0, 2, 1]]))
    with pytest.raises(DataError, match="image 0 of pack 0: its size gives a grid of"):
        _octomed.image_patches([turned], record(family), room([turned], family), 1)

    for offsets in ([0, 5], [0, 10**6, 5], [9, 5, 7], [0, len(good), 2**32 - 1]):
        broken = (whole[0], np.array(offsets, np.uint32), whole[2])
        with pytest.raises(DataError, match="pack 0: "):
            _octomed.image_patches([broken], record(family), room([whole], family), 1)

    for grid in ([1, 3, 4], [0, 4, 4], [1, 0, 4], [2, 4, 4], [1, 2**32 - 2, 2**32 - 2]):
        broken = (whole[0], whole[1], np.array([grid, grid], np.uint32))
        with pytest.raises(DataError, match="image 0 of pack 0: its grid is"):
            _octomed.image_patches([broken], record(family), room([whole], family), 1)


def test_nothing_is_written_beside_a_buffer_of_another_size():
    packs = [pack([written("4:2:0", 97, 131)], "qwen3-vl")]
    for rows in (-1, 1):
        out = np.zeros((len(room(packs, "qwen3-vl")) + rows, 768), np.uint8)
        with pytest.raises(Exception, match="bytes are given for patches of"):
            _octomed.image_patches(packs, record("qwen3-vl"), out, 1)
        assert not out.any()
