"""Streams of bytes that say how many may still come, compressed or not."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from octomed.recipe.opening import native, open_text
from octomed.recipe.wide_text import GROWS, Utf8Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.recipe.input_file import InputFile

_MOST_FROM_A_BYTE = {None: 1, "gzip": 1032, "lz4": 255, "xz": 2**13, "zstd": 2**15}
"""What a byte of a compressed file becomes at most: a match of deflate has 258 bytes and takes two bits, a
block of zstd 128 KiB and takes four bytes. For others nothing useful is known."""

_READ_AHEAD = 2**17
"""What Arrow has read of a compressed file and not uncompressed yet, twice over."""


class MeasuredStream:
    """A stream and what may still come of it."""

    def __init__(self, file: InputFile, raw: Any, stream: Any) -> None:  # noqa: ANN401 of pyarrow or of Python
        self._file = file
        self._raw = raw
        self._stream = stream
        self._read = 0
        self._grows = GROWS if isinstance(stream, Utf8Stream) and stream.is_wide else 1

    def seek(self, offset: int) -> None:
        """Begin elsewhere in a file that is not compressed."""
        self._stream.seek(offset)
        self._read = offset

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, and none at the end only."""
        data: bytes = self._stream.read(size)
        self._read += len(data)
        return data

    @property
    def place(self) -> int:
        """Where the next bytes begin, of what has been uncompressed."""
        return self._read

    @property
    def most_to_come(self) -> int | None:
        """Bytes that may still come at most; ``None`` where nothing tells."""
        most = _MOST_FROM_A_BYTE.get(self._file.compression)
        if most is None:
            return None
        most *= self._grows
        by_size = max(0, self._file.size * most - self._read)
        if self._raw is None or self._raw.closed:
            return by_size
        left: int = self._file.size - self._raw.tell() + _READ_AHEAD
        return min(by_size, left * most)


@contextmanager
def open_measured(file: InputFile) -> Iterator[MeasuredStream]:
    """Open a file; what is read is uncompressed."""
    raw = native(file.path) if file.compression in {"gzip", "zstd", "lz4"} else None
    with open_text(file.path, file.kind, file.compression, raw) as stream:
        yield MeasuredStream(file, raw, stream)
