"""Objects as files of Python, over their mirrors: read from their beginning, a little ahead of the reader."""

from __future__ import annotations

import io
import os

from octomed.stores.mirrors import mirrors

_FIRST_AHEAD = 2**17
_MOST_AHEAD = 32 * 2**20
_GIVEN_BACK = 2**20
"""Bytes that are given back together: decompressors read much less at once."""

_MOST_KEPT = 64 * 2**20
"""Bytes that a reader by itself leaves behind: what looks at a file's beginning finds them there."""


class MirroredFile(io.RawIOBase):
    """An object, opened to be read.

    Where others fetch ahead of it (`walk.py`), it gives back what it has read; otherwise, or where it is
    ahead of them, it fetches a little ahead by itself, the more the longer it is read in order.

    Parameters
    ----------
    address
        The object.
    """

    def __init__(self, address: str) -> None:
        super().__init__()
        self._mirror = mirrors.hold(address)
        self._file = os.open(self._mirror.path, os.O_RDONLY | os.O_CLOEXEC)
        self._place = 0
        self._passed = 0
        self._ahead = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._mirror.size}[whence]
        if begin + offset != self._place:
            self._place, self._ahead = begin + offset, 0
            self._passed = self._place
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def size(self) -> int:
        """Return the object's bytes."""
        return self._mirror.size

    def readinto(self, buffer: object) -> int:
        """Read into a buffer."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Read from the place on: as many bytes as were asked for, fewer at the end only."""
        begin, left = self._place, max(0, self._mirror.size - self._place)
        end = begin + (left if size is None or size < 0 else min(size, left))
        if begin == end:
            return b""
        if not (self._mirror.is_walked and self._mirror.has((begin, end))):
            self._fetch_ahead(end)
        self._mirror.need([(begin, end)])
        data = os.pread(self._file, end - begin, begin)
        self._place = end
        self._give_back(begin)
        return data

    def _give_back(self, place: int) -> None:
        """Let go of what lies before a place: all where others fetch ahead, and what is much otherwise."""
        walked = self._mirror.is_walked
        if place - self._passed >= (_GIVEN_BACK if walked else _MOST_KEPT):
            begin = self._passed if walked else max(self._passed, _FIRST_AHEAD)
            self._mirror.release([(begin, place)])
            self._passed = place

    def _fetch_ahead(self, end: int) -> None:
        """Begin to fetch what follows once a second read has followed the first."""
        if self._ahead:
            self._mirror.expect([(end, end + self._ahead)])
        self._ahead = min(2 * self._ahead, _MOST_AHEAD) if self._ahead else _FIRST_AHEAD

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._file)
            mirrors.let_go(self._mirror)
        super().close()
