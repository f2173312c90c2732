"""Resizing is torchvision's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from octomed import vision
from octomed.errors import DataError

from tests.vision.oracle import noise, torchvision_resize

pytest.importorskip("torchvision")

SIDE = st.one_of(st.integers(1, 8), st.integers(1, 150), st.sampled_from([28, 56, 96, 256]))
LONG = st.one_of(SIDE, st.integers(500, 3_000))


def same(image, height, width):
    return (vision.resize(image, height, width) == torchvision_resize(image, height, width)).all()


@settings(max_examples=80, deadline=None)
@given(
    long=st.tuples(LONG, LONG),
    short=st.tuples(SIDE, SIDE),
    tall=st.booleans(),
    kind=st.sampled_from(["noise", "extremes", "smooth"]),
    seed=st.integers(0, 2**32),
)
def test_any_size_becomes_any_other_as_torchvision_has_it(long, short, tall, kind, seed):
    (height, to_height), (width, to_width) = (long, short) if tall else (short, long)
    assume(to_height * to_width > 1)  # where PyTorch ends with an internal error
    assert same(noise(height, width, seed, kind), to_height, to_width)


@pytest.mark.parametrize(
    ("height", "width", "to_height", "to_width"),
    [
        (768, 1_024, 420, 588),
        (1, 1, 56, 56),
        (1, 200, 28, 560),
        (37, 411, 28, 420),
        (511, 1_023, 504, 28),
        (28, 28, 1_400, 1_400),
        (2_800, 1_400, 56, 28),
        (3, 77, 28, 560),
    ],
)
def test_sizes_of_models_are_torchvisions(height, width, to_height, to_width):
    for kind in ("noise", "extremes"):
        assert same(noise(height, width, 5, kind), to_height, to_width)


@pytest.mark.parametrize("long", [2_600, 3_500, 3_584, 3_700, 4_100, 9_000])
def test_shrinking_by_more_than_a_hundred_is_torchvisions(long):
    """Where weights come to 22 bits, which the fast way does not have."""
    assert same(noise(5, long), 5, 28)
    assert same(noise(long, 5), 28, 7)


def test_equal_sizes_stay():
    image = noise(33, 57)
    assert (vision.resize(image, 33, 57) == image).all()
    assert same(image, 33, 20)
    assert same(image, 20, 57)


def test_views_are_images_too():
    image = noise(40, 60)[::-1, ::2]
    assert same(image, 28, 28)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5), (2**31, 2**31), (2**20, 2**20)])
def test_sizes_that_no_image_has_are_refused(size):
    with pytest.raises(DataError):
        vision.resize(noise(5, 5), *size)


@pytest.mark.long
@settings(max_examples=2_000, deadline=None)
@given(
    st.tuples(LONG, LONG),
    st.tuples(SIDE, LONG),
    st.sampled_from(["noise", "extremes"]),
    st.integers(0, 2**32),
)
def test_thousands_of_sizes_are_torchvisions(size, to, kind, seed):
    assume(to[0] * to[1] > 1)
    assert same(noise(*size, seed, kind), *to)


def test_pixels_are_a_new_array():
    image = noise(28, 28)
    resized = vision.resize(image, 28, 28)
    resized[:] = 0
    assert np.any(image)
