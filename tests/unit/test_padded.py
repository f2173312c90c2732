"""Compressed files of several parts with zero bytes between and behind them, against what was compressed."""

from __future__ import annotations

import gzip
import lzma
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.recipe.opening import open_stream

PACK = {"gzip": gzip.compress, "xz": lzma.compress}
PARTS = st.lists(st.tuples(st.binary(max_size=3000), st.integers(0, 3)), min_size=1, max_size=4)


def read(data, compression, size):
    found = b""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        with open_stream(file.name, compression) as stream:
            while chunk := stream.read(size):
                found += chunk
    return found


@settings(max_examples=100, deadline=None)
@given(
    parts=PARTS,
    compression=st.sampled_from(["gzip", "xz"]),
    size=st.integers(1, 5000),
    step=st.sampled_from([4, 2**18]),
)
def test_parts_and_padding_are_read_whole(parts, compression, size, step):
    data = b"".join(PACK[compression](part) + b"\0" * (zeros * step) for part, zeros in parts)
    assert read(data, compression, size) == b"".join(part for part, _ in parts)


@settings(max_examples=60, deadline=None)
@given(
    part=st.binary(min_size=1, max_size=2000),
    cut=st.integers(1, 12),
    compression=st.sampled_from(["gzip", "xz"]),
)
def test_what_is_cut_off_or_has_junk_behind_it_is_no_end(part, cut, compression):
    whole = PACK[compression](part)
    for data in (whole + whole[:-cut], whole + b"\0\0\0\0junk", whole + b"junk", whole[:-cut]):
        with pytest.raises((OSError, EOFError, lzma.LZMAError)):
            read(data, compression, 512)
