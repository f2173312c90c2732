"""Headers of pages and Thrift's numbers: whatever they claim is compared before it is believed."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.parquet_pages import LARGEST_PAGE_BYTES, Chunk, read_pages
from octomed.foreign.thrift import MoreBytesError, Reader


def varint(number):
    found = b""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def page(values, size=4, uncompressed=None, *, body=None):
    """A data page of the first version with its header."""
    sizes = b"\x15" + varint(size if uncompressed is None else uncompressed) + b"\x15" + varint(size)
    data = b"\x2c\x15" + varint(values) + b"\x15\x00\x15\x00\x15\x00\x00"
    return b"\x15\x00" + sizes + data + b"\x00" + (bytes(max(0, size)) if body is None else body)


def pages_of(folder, data, *, values, compressed=False, limit=None):
    path = folder / "pages"
    path.write_bytes(data)
    file = os.open(path, os.O_RDONLY)
    try:
        end = len(data) if limit is None else limit
        chunk = Chunk("q", 0, 0, end, values, compressed=compressed)
        return read_pages(file, chunk, end)
    finally:
        os.close(file)


def test_pages_that_agree(tmp_path):
    assert pages_of(tmp_path, page(3) + page(4, 5), values=7) == 9
    assert pages_of(tmp_path, b"", values=0) == 0
    assert pages_of(tmp_path, page(3) + b"left over", values=3) == 4


@pytest.mark.parametrize(("data", "values", "what"), [
    (page(3), 4, "does not end"),
    (page(3) + page(4), 5, "its pages hold 7 values, and the footer says 5"),
    (page(3, 400, body=b"abc"), 3, "past the end of its column"),
    (page(3, -1), 3, "no type or no size"),
    (page(-3), 3, "how many values"),
    (page(3, 4, LARGEST_PAGE_BYTES + 1), 3, "a page claims"),
    (page(3, 4, 5), 3, "two sizes"),
    (b"\x15", 3, "does not end"),
    (b"\x1c" * 64, 3, "nested too deeply"),
    (b"\x1f\x00", 3, "unknown type"),
    (b"\x15" + b"\xff" * 20, 3, "more than 64 bits"),
    (b"\x15\x08" + page(3)[2:], 3, "how many values"),
])  # fmt: skip
def test_pages_that_do_not(tmp_path, data, values, what):
    with pytest.raises(BrokenFileError, match=what):
        pages_of(tmp_path, data, values=values)


def test_a_long_header_is_read_on(tmp_path):
    statistics = b"\x5c\x18" + b"\xa0\x1f" + b"x" * 4000 + b"\x00"  # 4,000 bytes of a smallest value
    long = b"\x15\x00\x15\x08\x15\x08\x2c\x15\x06\x15\x00\x15\x00\x15\x00\x1c" + statistics[1:] + b"\x00\x00"
    assert pages_of(tmp_path, long + bytes(4), values=3) == 4


@given(st.binary(max_size=200))
def test_any_bytes_are_a_structure_or_an_error(data):
    reader = Reader(data)
    try:
        found = reader.struct()
    except (MoreBytesError, BrokenFileError):
        return
    assert isinstance(found, dict)
    assert reader.position <= len(data)
