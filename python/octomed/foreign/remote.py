"""A Parquet or Arrow file in a store: the child reads its mirror, which this side fills with what it reads.

The child knows no store and no secret. It says which bytes it will read, and is asked to once they are there.
"""

from __future__ import annotations

import struct
from importlib import import_module
from typing import TYPE_CHECKING

from octomed.foreign.table import ForeignTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from octomed.stores.mirror import Mirror
    from octomed.stores.ranges import Range

HEAD_BYTES = 16
"""Which say that a Parquet or Arrow file is one."""

_TEXT_BYTES = 64 * 2**10
_LEAST_TAIL, _MOST_TAIL = 4 * 2**10, 64 * 2**10
_TAIL_SHARE = 256
"""In such a part of a file most footers lie whole, and it is little beside the columns that are read."""

UNIT_BYTES = 16 * 2**20
"""Row groups are read together up to so many bytes: of small ones, a thousand are not a thousand readings."""

_PARQUET_END = 8
_ARROW_END = 10
_ARROW_MAGIC = b"ARROW1"
_ARROW_MARK = b"\xff\xff\xff\xff"
_BEFORE_SCHEMA = {True: 8, False: 0}


class RemoteTable(ForeignTable):
    """An open Parquet or Arrow file in a store.

    Of a Parquet file only the columns are fetched that are read, a few row groups ahead; an Arrow file is
    fetched whole once its batches are asked for, and for its columns no more than its ends.
    """

    def __init__(self, path: str, kind: str) -> None:
        self._mirrors = import_module("octomed.stores.mirrors").mirrors  # only where there is an address
        self._kind = kind
        self._mirror: Mirror | None = self._mirrors.hold(path)
        try:
            _fetch_ends(self._held, kind)
            super().__init__(self._held.path, {"arrow": "arrow_schema"}.get(kind, kind))
        except BaseException:
            self._let_go()
            raise

    @property
    def _held(self) -> Mirror:
        assert self._mirror is not None
        return self._mirror

    def close(self) -> None:
        """Keep the child for the next file, and let others have the room of this one."""
        super().close()
        self._let_go()

    def _let_go(self) -> None:
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            self._mirrors.let_go(mirror)

    def count(self) -> int:
        """Return how many rows the file says it has."""
        if self._kind == "arrow":
            self._open_whole()
        return super().count()

    def batches(
        self, columns: Sequence[str], mapped: Sequence[str], groups: Sequence[int] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows of columns, as a file that is here does."""
        if self._kind == "arrow":
            self._open_whole()
            yield from super().batches(columns, mapped)
            return
        units = self._units(columns, groups)
        for number, (unit, ranges) in enumerate(units):
            if not self._held.is_walked and number:  # who looks at the first rows alone wants no more
                self._held.expect(one for later in units[number : number + 2] for one in later[1])
            self._held.need(ranges)
            self.forget_asked()
            yield from super().batches(columns, mapped, unit)
            if self._held.is_walked or number:  # what looks at the first rows does so more than once
                self._held.release(ranges)

    def ranges(self, columns: Sequence[str], groups: Sequence[int]) -> list[Range]:
        """Return which bytes are read of columns in row groups, in their order; all of an Arrow file."""
        if self._kind == "arrow":
            return [(0, self._held.size)]
        return [one for ranges in self._ranges(columns, groups) for one in ranges]

    def _ranges(self, columns: Sequence[str], groups: Sequence[int]) -> list[list[Range]]:
        answer, _ = self._ask({"ranges": list(columns), "groups": list(groups)})
        return [[(begin, end) for begin, end in ranges] for ranges in answer["ranges"]]

    def _units(self, columns: Sequence[str], groups: Sequence[int]) -> list[tuple[list[int], list[Range]]]:
        units: list[tuple[list[int], list[Range]]] = []
        size = UNIT_BYTES
        for group, ranges in zip(groups, self._ranges(columns, groups), strict=True):
            if size >= UNIT_BYTES:
                units.append(([], []))
                size = 0
            units[-1][0].append(group)
            units[-1][1].extend(ranges)
            size += sum(end - begin for begin, end in ranges)
        return units

    def _open_whole(self) -> None:
        self._held.need([(0, self._held.size)])
        self.open_again(self._held.path, self._kind)


def _fetch_ends(mirror: Mirror, kind: str) -> None:
    """Fetch what says which columns a file has, and where they are."""
    if not mirror.size:
        return
    end = (max(0, mirror.size - _ARROW_END), mirror.size)
    mirror.need([end] if mirror.has(end) else ends_of(mirror.size, kind))  # columns may have been given back
    if kind == "parquet":
        tail = _read(mirror, mirror.size - _PARQUET_END, _PARQUET_END)
        if len(tail) == _PARQUET_END:
            mirror.need([(mirror.size - _PARQUET_END - struct.unpack("<I", tail[:4])[0], mirror.size)])
        return
    head = _read(mirror, 0, 16)
    is_file = head.startswith(_ARROW_MAGIC)
    tail = _read(mirror, mirror.size - _ARROW_END, _ARROW_END)
    if is_file and len(tail) == _ARROW_END:
        mirror.need([(mirror.size - _ARROW_END - max(0, struct.unpack("<i", tail[:4])[0]), mirror.size)])
    begin = _BEFORE_SCHEMA[is_file]
    message = head[begin : begin + 8]
    if message[:4] == _ARROW_MARK and len(message) == 8:  # noqa: PLR2004 mark and length
        mirror.need([(0, begin + 8 + max(0, struct.unpack("<i", message[4:])[0]))])


def ends_of(size: int, kind: str) -> list[Range]:
    """Return what of a file is looked at when it is planned, as far as its size tells."""
    if kind not in {"parquet", "arrow"}:
        return [(0, _TEXT_BYTES if size > 2 * _TEXT_BYTES else size)]
    tail = min(max(_LEAST_TAIL, size // _TAIL_SHARE), _MOST_TAIL)
    return [(0, HEAD_BYTES), (size - tail, size)] if size > tail + HEAD_BYTES else [(0, size)]


def _read(mirror: Mirror, begin: int, length: int) -> bytes:
    with open(mirror.path, "rb") as file:  # noqa: PTH123 as all that opens inputs
        file.seek(max(0, begin))
        return file.read(length)
