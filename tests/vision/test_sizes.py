"""Sizes and tokens are those of transformers, for every size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed import vision
from octomed.errors import DataError

from tests.vision.oracle import BOUNDS, FAMILIES, processor, smart_resize, smart_resize_of_a_row

pytest.importorskip("transformers")

CASES = [(family, bounds) for family in FAMILIES for bounds in BOUNDS[family]]
SIDE = st.one_of(st.integers(1, 60), st.integers(1, 4_096), st.integers(1, 100_000))


def resized(height, width, family, bounds):
    try:
        return vision.resized(height, width, family, min_pixels=bounds[0], max_pixels=bounds[1])
    except DataError:
        return 0, 0


def compare_rows(heights, widths):
    widths = np.asarray(widths)
    for family, bounds in CASES:
        for height in heights:
            rows, columns = smart_resize_of_a_row(height, widths, family, bounds)
            found = [resized(height, width, family, bounds) for width in widths.tolist()]
            assert found == list(zip(rows.tolist(), columns.tolist(), strict=True)), (family, bounds, height)


@settings(max_examples=400, deadline=None)
@given(height=SIDE, width=SIDE, case=st.sampled_from(CASES))
def test_a_size_is_that_of_smart_resize(height, width, case):
    family, bounds = case
    try:
        wanted = smart_resize(height, width, family, bounds)
    except ValueError:
        with pytest.raises(DataError, match="more than 200 times"):
            vision.resized(height, width, family, min_pixels=bounds[0], max_pixels=bounds[1])
    else:
        assert resized(height, width, family, bounds) == wanted
        of_the_row = smart_resize_of_a_row(height, np.array([width]), family, bounds)
        assert tuple(int(side[0]) for side in of_the_row) == wanted


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3_000), st.integers(1, 3_000), st.integers(1, 10**6), st.integers(1, 10**6))
def test_any_bounds_do(height, width, least, most):
    if max(height, width) <= 200 * min(height, width):
        for family in FAMILIES:
            assert resized(height, width, family, (least, most)) == smart_resize(
                height, width, family, (least, most)
            )


def test_sizes_on_a_grid_to_4096_squared():
    sides = [*range(1, 64, 3), *range(64, 4_097, 173), 4_096]
    compare_rows(sides, sides)


@pytest.mark.long
def test_every_size_to_4096_squared_in_numpy_is_that_of_transformers():
    for family, bounds in CASES:
        for height in range(1, 4_097, 61):
            widths = np.arange(max(1, -(-height // 200)), min(4_096, 200 * height) + 1, 7)
            rows, columns = smart_resize_of_a_row(height, widths, family, bounds)
            wanted = [smart_resize(height, width, family, bounds) for width in widths.tolist()]
            assert wanted == list(zip(rows.tolist(), columns.tolist(), strict=True))


@pytest.mark.long
@pytest.mark.parametrize(("family", "bounds"), CASES)
def test_every_size_to_4096_squared(family, bounds):
    from octomed import _octomed

    widths = np.arange(1, 4_097)
    made = _octomed.resized_image_size
    for height in range(1, 4_097):
        rows, columns = smart_resize_of_a_row(height, widths, family, bounds)
        taken = np.flatnonzero(rows)
        found = np.array([made(height, width, family, *bounds) for width in widths[taken].tolist()])
        assert (found[:, 0] == rows[taken]).all()
        assert (found[:, 1] == columns[taken]).all()
        refused = np.flatnonzero(rows == 0)[:3]
        assert all(resized(height, width, family, bounds) == (0, 0) for width in widths[refused].tolist())


@settings(max_examples=100, deadline=None)
@given(SIDE, SIDE, st.sampled_from(CASES))
def test_tokens_are_a_quarter_of_the_processors_patches(height, width, case):
    family, (least, most) = case
    if max(height, width) <= 200 * min(height, width):
        wanted = processor(family).get_number_of_image_patches(
            height, width, {"min_pixels": least, "max_pixels": most}
        )
        assert vision.tokens(height, width, family, min_pixels=least, max_pixels=most) * 4 == wanted


@settings(max_examples=200, deadline=None)
@given(SIDE, SIDE, st.sampled_from(CASES))
def test_a_resized_size_stays_and_is_within_the_bounds(height, width, case):
    family, bounds = case
    if max(height, width) <= 200 * min(height, width):
        size = resized(height, width, family, bounds)
        assert bounds[0] <= size[0] * size[1] <= bounds[1]
        # Rounding makes 28 by 5628 of 29 by 5615, which would be refused if it came so.
        assert resized(*size, family, bounds) == (size if max(size) <= 200 * min(size) else (0, 0))


@pytest.mark.parametrize(("height", "width"), [(1, 201), (201, 1), (20, 4_001)])
def test_a_shape_beyond_200_is_refused_with_both_sides(height, width):
    with pytest.raises(DataError, match=rf"{height} × {width}") as refused:
        vision.resized(height, width)
    assert refused.value.hint


@pytest.mark.parametrize(
    "sides", [(0, 5), (5, 0), (-1, 5), (2**32, 5), (1.5, 5), ("a", 5), (None, 5), (5, True * 0)]
)
def test_sides_that_are_none_are_refused(sides):
    with pytest.raises(DataError):
        vision.tokens(*sides)


def test_numpys_numbers_are_numbers():
    assert vision.resized(np.int64(768), np.uint16(1_024), max_pixels=np.int32(262_144)) == (420, 588)


def test_an_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match="llava") as refused:
        vision.tokens(5, 5, "llava")
    assert "qwen2.5-vl, qwen3-vl" in refused.value.hint
