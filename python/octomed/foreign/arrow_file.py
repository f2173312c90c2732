"""An Arrow file or stream in the child: its list of batches compared with the file, then its batches."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed.foreign.broken import BrokenFileError
from octomed.foreign.columnar import refuse_large_batches, slices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_MAGIC = b"ARROW1"
_MARK = b"\xff\xff\xff\xff"
_FIRST_MESSAGE = 8
_LONGEST_GAP = 64
"""Bytes between two messages that only align them."""


class ArrowTable:
    """An open Arrow file or stream, as `datasets` saves them, to be read batch by batch.

    Parameters
    ----------
    path : bytes
        Where it is.
    whole : bool
        Whether all of it is there: otherwise only its ends are, and only its columns are asked for.

    Raises
    ------
    BrokenFileError
        When it is cut off, or its footer does not name all that is in it.
    """

    def __init__(self, path: bytes, *, whole: bool = True) -> None:
        self._path = path
        self._source = pa.OSFile(path)
        self._size = self._source.size()
        self._is_file = self._source.read(len(_MAGIC)) == _MAGIC
        if self._is_file:
            self._check_footer()
        else:
            self._check_end()
        if whole:
            refuse_large_batches(os.fsdecode(path))
        self._source.seek(0)
        self._reader = pa.ipc.open_file(self._source) if self._is_file else pa.ipc.open_stream(self._source)
        self.schema: pa.Schema = self._reader.schema
        self._check_schema()
        self.groups: list[int] = []

    def _check_end(self) -> None:
        self._source.seek(max(0, self._size - len(_END_OF_STREAM)))
        if self._source.read(len(_END_OF_STREAM)) != _END_OF_STREAM:
            raise BrokenFileError("the Arrow stream has no end: the file is cut off")

    def _check_footer(self) -> None:
        """See that the batches that the footer lists are all that lies between schema and footer."""
        tail_bytes = 4 + len(_MAGIC)
        self._source.seek(max(0, self._size - tail_bytes))
        tail = self._source.read(tail_bytes)
        if len(tail) < tail_bytes or tail[4:] != _MAGIC:
            raise BrokenFileError("the Arrow file has no end: the file is cut off")
        length = struct.unpack("<i", tail[:4])[0]
        begin = self._size - tail_bytes - length
        if length <= 0 or begin < _FIRST_MESSAGE:
            raise BrokenFileError("its footer is longer than the file: the file is damaged")
        self._source.seek(begin)
        blocks = sorted(_Footer(self._source.read(length)).blocks())
        self._source.seek(_FIRST_MESSAGE)
        at = _FIRST_MESSAGE + _schema_bytes(self._source.read(8), blocks)
        for offset, size in blocks:
            if not at <= offset <= at + _LONGEST_GAP:
                raise BrokenFileError("its footer lists batches that do not follow each other: it is damaged")
            at = offset + size
        if not at <= begin <= at + _LONGEST_GAP:
            raise BrokenFileError("its footer does not list all of its batches: it is damaged")

    def _check_schema(self) -> None:
        """Compare a file's two schemas: readers take the footer's, where a type may be flipped."""
        if not self._is_file:
            return
        self._source.seek(_FIRST_MESSAGE)
        if self._source.read(len(_MARK)) != _MARK:
            return
        self._source.seek(_FIRST_MESSAGE)
        if pa.ipc.read_schema(self._source) != self.schema:
            raise BrokenFileError("its footer's schema is not the one that it begins with: it is damaged")

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def count(self) -> int:
        """Count rows by the heads of batches: of a mapped file, their values are not read."""
        with pa.memory_map(self._path) as file:
            if self._is_file:
                reader = pa.ipc.open_file(file)
                return sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))
            return sum(batch.num_rows for batch in pa.ipc.open_stream(file))

    def group_bytes(self, columns: Sequence[str]) -> list[int]:
        """Return nothing: an Arrow file has no row groups."""
        del columns
        return []

    def ranges(self, columns: Sequence[str], groups: Sequence[int]) -> list[list[tuple[int, int]]]:
        """Return nothing: an Arrow file is read whole."""
        del columns, groups
        return []

    def check_pages(self, columns: Sequence[str], groups: Sequence[int]) -> int:
        """Return nothing: batches are compared when they are read."""
        del columns, groups
        return 0

    def batches(
        self, columns: Sequence[str], groups: Sequence[int], most_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order; large batches are cut.

        Raises
        ------
        BrokenFileError
            When bytes follow the end of a stream.
        """
        del groups
        read = (
            map(self._reader.get_batch, range(self._reader.num_record_batches))
            if self._is_file
            else self._reader
        )
        for batch in read:
            batch.validate()
            yield from slices(batch.select(list(columns)), most_rows)
        if not self._is_file and self._source.tell() != self._size:
            raise BrokenFileError("the Arrow stream ends before the file does: the file is damaged")


def _schema_bytes(head: bytes, blocks: list[tuple[int, int]]) -> int:
    """Return the length of the message before the first batch: the schema's, which has no body.

    Polars writes it without a length. Readers take the footer's schema anyway, so that it may reach as far as
    the first batch does.
    """
    if len(head) == 8 and head[:4] == _MARK:  # noqa: PLR2004 mark and length
        return 8 + int(struct.unpack("<i", head[4:])[0])
    return blocks[0][0] - _FIRST_MESSAGE if blocks else 0


class _Footer:
    """The lists of blocks in a footer, whose offsets are compared with the bytes that there are."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def blocks(self) -> list[tuple[int, int]]:
        """Return offset and length of each dictionary and each batch."""
        root = self._number("<I", 0)
        return [block for field in (2, 3) for block in self._list(root, field)]

    def _list(self, table: int, field: int) -> list[tuple[int, int]]:
        entries = table - self._number("<i", table)
        slot = 4 + 2 * field
        offset = self._number("<H", entries + slot) if slot < self._number("<H", entries) else 0
        if not offset:
            return []
        begin = table + offset + self._number("<I", table + offset)
        count = self._number("<I", begin)
        if count > len(self._data) // 24:
            raise BrokenFileError("its footer lists more batches than it has room for: it is damaged")
        return [self._block(begin + 4 + 24 * index) for index in range(count)]

    def _block(self, at: int) -> tuple[int, int]:
        offset, head, body = self._number("<q", at), self._number("<i", at + 8), self._number("<q", at + 16)
        if min(offset, head, body) < 0:
            raise BrokenFileError("its footer has a negative length: it is damaged")
        return offset, head + body

    def _number(self, form: str, at: int) -> int:
        try:
            return int(struct.unpack_from(form, self._data, at)[0]) if at >= 0 else self._outside()
        except struct.error:
            return self._outside()

    def _outside(self) -> int:
        raise BrokenFileError("its footer points past its own end: it is damaged")
