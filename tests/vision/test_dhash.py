"""The hash of gradients is ImageHash's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octomed import vision
from PIL import Image


def image_hash(image: np.ndarray) -> int:
    """As `imagehash.dhash(image)` of version 4.3 does it, its bits read as a number."""
    small = Image.fromarray(image).convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    pixels = np.asarray(small)
    bits = pixels[:, 1:] > pixels[:, :-1]
    return int("".join(str(int(bit)) for bit in bits.flatten()), 2)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_small_pictures_have_the_hash_of_image_hash(height, width, kind, seed):
    draws = np.random.default_rng(seed)
    shape = (height, width, 3)
    image = draws.integers(0, 256, shape, np.uint8)
    if kind == 1:
        image = (image > 127).astype(np.uint8) * 255
    elif kind == 2:
        image = np.repeat(image[..., :1], 3, axis=2)
    elif kind == 3:
        ramp = np.linspace(0, 255, width)[None, :, None] + draws.normal(0, 2, shape)
        image = ramp.clip(0, 255).astype(np.uint8)
    assert vision.dhash(np.ascontiguousarray(image)) == image_hash(image)


@pytest.mark.parametrize("shape", [(512, 512), (1, 2000), (2000, 1), (8, 9), (700, 33), (1100, 1300)])
def test_large_and_odd_pictures_too(shape):
    draws = np.random.default_rng(shape[0])
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    waves = np.sin(x / 37 + draws.normal()) * 60 + np.cos(y / 53) * 60 + 120
    image = np.stack([waves + draws.normal(0, 9, shape) for _ in range(3)], axis=-1)
    image = image.clip(0, 255).astype(np.uint8)
    assert vision.dhash(image) == image_hash(image)


def test_a_copy_of_a_picture_is_near_and_another_one_is_not(tmp_path):
    draws = np.random.default_rng(3)
    coarse = draws.integers(0, 256, (12, 14, 3), np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((300, 260), Image.Resampling.BICUBIC))
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=75)
    copy = vision.decode((tmp_path / "a.jpg").read_bytes())
    half = np.asarray(Image.fromarray(image).resize((150, 130)))
    for near in (copy, half):
        assert (vision.dhash(image) ^ vision.dhash(np.ascontiguousarray(near))).bit_count() <= 3
    assert (vision.dhash(image) ^ vision.dhash(np.ascontiguousarray(image[::-1]))).bit_count() > 3
