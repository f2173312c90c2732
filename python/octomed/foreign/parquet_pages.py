"""The headers of a column's pages, read before the pages are: sizes and counts must agree with the footer."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from octomed.foreign.broken import BrokenFileError
from octomed.foreign.thrift import MoreBytesError, Reader

LARGEST_PAGE_BYTES = 2**30
"""Uncompressed; what a page claims is compared before anything is allocated for it."""

_HEAD_BYTES = 256
_LARGEST_HEADER = 16 * 2**20
_DATA, _INDEX, _DICTIONARY, _DATA_V2 = 0, 1, 2, 3
_TYPE, _UNCOMPRESSED, _COMPRESSED, _DATA_HEADER, _DATA_V2_HEADER = 1, 2, 3, 5, 8


class Chunk(NamedTuple):
    """A column's bytes in a row group, as the footer has them."""

    name: str
    group: int
    begin: int
    end: int
    values: int
    compressed: bool


def read_pages(file: int, chunk: Chunk, limit: int) -> int:
    """Read the headers of a chunk's pages, and return the pages' uncompressed bytes.

    Parameters
    ----------
    file : int
        Descriptor of the file.
    chunk : Chunk
        Which.
    limit : int
        Where the footer begins: no page extends past it. A chunk's own end is not one, because old
        versions of parquet-mr leave the dictionary's header out of its size.

    Raises
    ------
    BrokenFileError
        When pages lie outside of the chunk, are larger than a page may be, or hold more or fewer values than
        the footer says.
    """
    at, values, size = chunk.begin, 0, 0
    while values < chunk.values:
        header, length = _header(file, at, limit, chunk)
        at += length + header[_COMPRESSED]
        if at > limit:
            raise _fault(chunk, "a page extends past the end of its column")
        size += header[_UNCOMPRESSED]
        values += _values(header, chunk)
    if values != chunk.values:
        raise _fault(chunk, f"its pages hold {values:,} values, and the footer says {chunk.values:,}")
    return size


def _header(file: int, at: int, limit: int, chunk: Chunk) -> tuple[dict[int, Any], int]:
    wanted = _HEAD_BYTES
    while True:
        data = os.pread(file, min(wanted, limit - at), at)
        reader = Reader(data)
        try:
            header = reader.struct()
        except MoreBytesError:
            if len(data) < wanted or wanted > _LARGEST_HEADER:
                raise _fault(chunk, "a page's header does not end") from None
            wanted *= 16
            continue
        _sane(header, chunk)
        return header, reader.position


def _sane(header: dict[int, Any], chunk: Chunk) -> None:
    numbers = [header.get(_TYPE), header.get(_UNCOMPRESSED), header.get(_COMPRESSED)]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise _fault(chunk, "a page's header has no type or no size")
    if header[_UNCOMPRESSED] > LARGEST_PAGE_BYTES:
        raise _fault(
            chunk, f"a page claims {header[_UNCOMPRESSED]:,} bytes, and may have {LARGEST_PAGE_BYTES:,}"
        )
    if not chunk.compressed and header[_UNCOMPRESSED] != header[_COMPRESSED]:
        raise _fault(chunk, "a page that is not compressed has two sizes")


def _values(header: dict[int, Any], chunk: Chunk) -> int:
    """Return the values of a page of data; a dictionary's are none of the column's."""
    kind = header[_TYPE]
    if kind in {_INDEX, _DICTIONARY}:
        return 0
    held = header.get({_DATA: _DATA_HEADER, _DATA_V2: _DATA_V2_HEADER}.get(kind, 0))
    values = held.get(1) if isinstance(held, dict) else None
    if not isinstance(values, int) or values < 0:
        raise _fault(chunk, "a page does not say how many values it holds")
    return values


def _fault(chunk: Chunk, what: str) -> BrokenFileError:
    return BrokenFileError(f"row group {chunk.group}, column `{chunk.name}`: {what}: the file is damaged")
