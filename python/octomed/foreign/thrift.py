"""Thrift's compact protocol, as far as the headers of Parquet's pages need it."""

from __future__ import annotations

import struct
from typing import Any

from octomed.foreign.broken import BrokenFileError

_MOST_NESTED = 8
_LARGEST_VARINT = 63
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = frozenset({4, 5, 6})
_LONG_LIST = 15


class MoreBytesError(Exception):
    """The structure continues past the bytes given."""


class Reader:
    """Reads structures whose every length is compared with the bytes that there are.

    Parameters
    ----------
    data : bytes
        What begins with a structure.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return a structure's values by the numbers of their fields.

        Raises
        ------
        MoreBytesError
            When it does not end here.
        BrokenFileError
            When it cannot be one.
        """
        if depth > _MOST_NESTED:
            raise BrokenFileError("a page header is nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            found[number] = self._value(head & 15, depth, in_list=False)
        return found

    def _value(self, kind: int, depth: int, *, in_list: bool) -> Any:  # noqa: ANN401, PLR0911 a case a type
        if kind in _INTEGERS:
            return self._integer()
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in {_TRUE, _FALSE}:
            return self._byte() == _TRUE if in_list else kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind in {_LIST, _SET}:
            return self._list(depth + 1)
        raise BrokenFileError(f"a page header has a value of unknown type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = self._varint() if head >> 4 == _LONG_LIST else head >> 4
        if size > len(self._data) - self.position:  # each value takes a byte at least
            raise MoreBytesError
        return [self._value(head & 15, depth, in_list=True) for _ in range(size)]

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self.position:
            raise MoreBytesError
        self.position += size
        return self._data[self.position - size : self.position]

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 the bit that says whether another follows
                return found
            shift += 7
            if shift > _LARGEST_VARINT:
                raise BrokenFileError("a page header has a number of more than 64 bits")

    def _integer(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
