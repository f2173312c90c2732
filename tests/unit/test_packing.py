"""`octomed.pack_lengths`: what it takes, what it refuses, what its packs promise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.packing import pack_lengths


@given(st.data(), st.integers(1, 300))
def test_every_item_lies_in_one_pack(data, capacity):
    lengths = np.array(data.draw(st.lists(st.integers(1, capacity), max_size=100)), dtype=np.int64)
    packed = pack_lengths(lengths, capacity)
    assert sorted(packed.items.tolist()) == list(range(len(lengths)))
    assert packed.offsets[-1] == len(lengths)
    for pack in packed:
        assert 0 < lengths[pack].sum() <= capacity
        assert (np.diff(lengths[pack]) <= 0).all()
    assert len(packed) >= packed.lower_bound >= -(-lengths.sum() // capacity)
    if len(packed):
        assert packed.fill == pytest.approx(lengths.sum() / (len(packed) * capacity))


@pytest.mark.parametrize(
    "lengths",
    [
        [5, 7, 3],
        (5, 7, 3),
        np.array([5, 7, 3], np.uint8),
        np.array([5, 0, 7, 0, 3, 0], np.int16)[::2],
        np.array([5, 7, 3], np.uint32),
        np.array([5, 7, 3], ">i8"),
        pa.array([5, 7, 3]),
        pa.array([9, 5, 7, 3], pa.uint32())[1:],
        pa.chunked_array([[5, 7], [], [3]]),
    ],
)
def test_takes_lists_numpy_and_arrow(lengths):
    packed = pack_lengths(lengths, 10)
    assert [pack.tolist() for pack in packed] == [[1, 2], [0]]
    assert packed[-1].tolist() == [0]
    with pytest.raises(IndexError):
        packed[2]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 0], "item 1 has length 0"),
        ([3, 4, 11], "item 2 has length 11, more than the capacity 10"),
        ([3, -4], "item 1 has length -4"),
        ([2**32], "item 0 has length 4294967296"),
        ([1.5], "float64"),
        ([True], "bool"),
        ([[1]], "2 dimensions"),
        (pa.array([1, None]), "not whole numbers"),
    ],
)
def test_names_what_it_cannot_pack(lengths, message):
    with pytest.raises(DataError, match=message):
        pack_lengths(lengths, 10)


@pytest.mark.parametrize("capacity", [0, -1, 2**24 + 1, 2**40])
def test_refuses_capacities_out_of_bounds(capacity):
    with pytest.raises(RecipeError, match=f"capacity is {capacity},"):
        pack_lengths([1], capacity)


def test_bucket_names_and_dropped_edges():
    assert _octomed.buckets([1024, 4096], 16384) == (["len-01024", "len-04096", "len-16384"], [])
    assert _octomed.buckets([1024, 4096], 4096) == (["len-01024", "len-04096"], [4096])
    with pytest.raises(RecipeError, match="edges must ascend"):
        _octomed.buckets([4096, 1024], 16384)
