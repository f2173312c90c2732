"""A Parquet file in the child: its footer compared with itself and the file, then its batches."""

from __future__ import annotations

import itertools
import os
import struct
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed.foreign.broken import BrokenFileError
from octomed.foreign.columnar import rows_at_once
from octomed.foreign.nesting import refuse_other_nesting
from octomed.foreign.parquet_pages import Chunk, read_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TAIL_BYTES = 8
_MAGIC_BYTES = 4
_LEFT_OUT = 128
"""Bytes that old versions of parquet-mr leave out of a chunk's size: the header of its dictionary."""

_OPTIONS: dict[str, Any] = {"pre_buffer": False, "buffer_size": 2**20, "page_checksum_verification": True}
"""Streamed column chunks, no read-ahead of whole row groups."""


class ParquetTable:
    """An open Parquet file whose footer agrees with itself.

    Parameters
    ----------
    path : bytes
        Where it is.

    Raises
    ------
    BrokenFileError
        When the footer contradicts itself or the file.
    """

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._source = pa.OSFile(path)
        self._descriptor = os.open(path, os.O_RDONLY)
        self._limit = _footer_begin(self._descriptor)
        self._file = pq.ParquetFile(self._source, **_OPTIONS)
        self.schema: pa.Schema = self._file.schema_arrow
        refuse_other_nesting(self.schema, self._file.metadata.metadata or {})
        self.groups, self._leaves = _groups(self._file.metadata, self._limit)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._source.close()
        os.close(self._descriptor)

    def count(self) -> int:
        """Return the rows of all row groups."""
        return sum(self.groups)

    def group_bytes(self, columns: Sequence[str]) -> list[int]:
        """Return the uncompressed bytes of these columns in each row group, as the footer has them."""
        metadata = self._file.metadata
        leaves = self._leaves_of(columns)
        return [
            sum(max(0, metadata.row_group(group).column(leaf).total_uncompressed_size) for leaf in leaves)
            for group in range(metadata.num_row_groups)
        ]

    def ranges(self, columns: Sequence[str], groups: Sequence[int]) -> list[list[tuple[int, int]]]:
        """Return where the bytes of columns lie, for each row group."""
        leaves = self._leaves_of(columns)
        begins = sorted(chunk.begin for chunks in self._leaves for chunk in chunks if chunk.values)
        ends = {
            end: min(end + _LEFT_OUT, begin) for end, begin in _behind(self._leaves, [*begins, self._limit])
        }
        return [
            [
                (one.begin, ends[one.end])
                for one in (self._leaves[group][leaf] for leaf in leaves)
                if one.values
            ]
            for group in groups
        ]

    def _leaves_of(self, columns: Sequence[str]) -> list[int]:
        tops = {name.split(".")[0] for name in columns}
        schema = self._file.metadata.schema
        return [leaf for leaf in range(len(schema)) if schema.column(leaf).path.split(".")[0] in tops]

    def check_pages(self, columns: Sequence[str], groups: Sequence[int]) -> int:
        """Compare the pages of columns with the footer, and return their uncompressed bytes.

        Raises
        ------
        BrokenFileError
            When they do not agree.
        """
        leaves = self._leaves_of(columns)
        return sum(
            read_pages(self._descriptor, self._leaves[group][leaf], self._limit)
            for group in groups
            for leaf in leaves
        )

    def batches(
        self, columns: Sequence[str], groups: Sequence[int], most_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of row groups in order."""
        path = os.fsdecode(self._path)
        most_rows, kept = rows_at_once(self._file, path, groups, columns, most_rows)
        file = self._file
        if kept:
            file = pq.ParquetFile(self._source, read_dictionary=kept, **_OPTIONS)
        batches: Iterator[pa.RecordBatch] = file.iter_batches(
            most_rows, row_groups=list(groups), columns=list(columns), use_threads=False
        )
        return batches


def _behind(leaves: list[list[Chunk]], begins: list[int]) -> Iterator[tuple[int, int]]:
    """Yield where each chunk ends, and where what follows it begins."""
    for chunk in itertools.chain.from_iterable(leaves):
        yield chunk.end, begins[min(bisect_left(begins, chunk.end), len(begins) - 1)]


def _footer_begin(file: int) -> int:
    size = os.fstat(file).st_size
    tail = os.pread(file, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    if len(tail) < _TAIL_BYTES:
        raise BrokenFileError(f"it has {size} bytes, and a Parquet file has more")
    if tail[_MAGIC_BYTES:] == b"PARE":
        raise BrokenFileError("its footer is encrypted")
    if tail[_MAGIC_BYTES:] != b"PAR1":
        raise BrokenFileError(
            "Parquet magic bytes not found at its end: the file is cut off, or not a Parquet file"
        )
    begin: int = size - _TAIL_BYTES - struct.unpack("<I", tail[:_MAGIC_BYTES])[0]
    if begin < _MAGIC_BYTES:
        raise BrokenFileError("its footer is longer than the file: the file is damaged")
    return begin


def _groups(metadata: pq.FileMetaData, limit: int) -> tuple[list[int], list[list[Chunk]]]:
    """Return the rows of each row group and where its columns lie."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    rows = [group.num_rows for group in groups]
    if min(rows, default=0) < 0 or metadata.num_rows < 0:
        raise BrokenFileError("its footer says a negative number of rows: it is damaged")
    if sum(rows) != metadata.num_rows:
        raise BrokenFileError(
            f"its footer says {metadata.num_rows:,} rows, and its row groups {sum(rows):,}: it is damaged"
        )
    schema = metadata.schema
    for number, group in enumerate(groups):
        _refuse_other_columns(schema, group, number)
    repeated = [schema.column(leaf).max_repetition_level > 0 for leaf in range(metadata.num_columns)]
    chunks = [
        [_chunk(group, number, leaf, limit, repeated=repeated[leaf]) for leaf in range(metadata.num_columns)]
        for number, group in enumerate(groups)
    ]
    _refuse_overlaps([chunk for held in chunks for chunk in held if chunk.values])
    return rows, chunks


def _refuse_other_columns(schema: pq.ParquetSchema, group: pq.RowGroupMetaData, number: int) -> None:
    """Compare the names and types of columns, which a footer repeats in each row group."""
    if group.num_columns != len(schema):
        message = f"row group {number} has {group.num_columns} columns, and the file {len(schema)}"
        raise BrokenFileError(f"{message}: it is damaged")
    for leaf in range(len(schema)):
        column, said = group.column(leaf), schema.column(leaf)
        if (column.path_in_schema, column.physical_type) != (said.path, said.physical_type):
            message = f"column `{said.path}` ({said.physical_type}) is `{column.path_in_schema}`"
            raise BrokenFileError(
                f"{message} ({column.physical_type}) in row group {number}: the file is damaged"
            )


def _chunk(group: pq.RowGroupMetaData, number: int, leaf: int, limit: int, *, repeated: bool) -> Chunk:
    column = group.column(leaf)
    name = column.path_in_schema
    values, rows = column.num_values, group.num_rows
    place = f"row group {number} has {rows:,} rows, and {values:,} values of `{name}`"
    if values < rows if repeated else values != rows:  # a list has as many values as rows, or more
        raise BrokenFileError(f"{place}: the file is damaged")
    begin = column.data_page_offset
    dictionary = column.dictionary_page_offset if column.has_dictionary_page else None
    if dictionary is not None and 0 < dictionary < begin:
        begin = dictionary
    end = begin + column.total_compressed_size
    if values and not (_MAGIC_BYTES <= begin < end <= limit):
        raise BrokenFileError(
            f"row group {number}, column `{name}`: it lies outside of the file: the file is damaged"
        )
    return Chunk(name, number, begin, end, values, compressed=column.compression != "UNCOMPRESSED")


def _refuse_overlaps(chunks: list[Chunk]) -> None:
    chunks.sort(key=lambda chunk: chunk.begin)
    for before, behind in itertools.pairwise(chunks):
        if before.end > behind.begin:
            raise BrokenFileError(
                f"row group {behind.group}, column `{behind.name}`: it overlaps another: the file is damaged"
            )
