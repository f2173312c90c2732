"""Input files opened to be read from their beginning, their compression undone.

Zero bytes after the parts of a compressed file, as tapes and disks pad them, are not a fault.
"""

from __future__ import annotations

import gzip
import lzma
import os
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from octomed.recipe.wide_text import TABLES, Utf8Stream
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from types import TracebackType

    from octomed.recipe.kinds import Compressed

_CHUNK_BYTES = 2**18
_XZ_PADDING = 4
XZ_MEMORY = 160 * 2**20
"""What an xz stream may take to be read: `xz -9` makes streams that take 65 MiB, others up to 4 GiB."""


def native(path: str) -> Any:  # noqa: ANN401 pyarrow's stubs take no bytes
    """Open a file for pyarrow, whatever bytes its name has, and wherever it is."""
    if scheme_of(path) is not None:
        return pa.PythonFile(open_raw(path), mode="r")
    return pa.OSFile(os.fsencode(path))


def open_raw(path: str) -> Any:  # noqa: ANN401 a file, or an object of a store that is one to its reader
    """Open a file as it is, wherever it is, without a buffer."""
    if scheme_of(path) is not None:
        return import_module("octomed.stores.stream").MirroredFile(path)  # only where there is an address
    return open(path, "rb", buffering=0)


def open_stream(path: str, compression: Compressed | None, raw: Any = None) -> Any:  # noqa: ANN401 of pyarrow or of Python
    """Open a file; what is read is uncompressed.

    Parameters
    ----------
    path : str
        Where it is.
    compression : str or None
        What its name says of it.
    raw
        The file as :func:`native` opens it, for a caller who asks how far it was read.
    """
    if compression is None:
        return open_raw(path)
    if compression == "xz":
        return XzStream(path)
    stream = pa.CompressedInputStream(raw or native(path), compression)
    return GzipStream(path, stream) if compression == "gzip" else stream


def open_text(path: str, kind: str, compression: Compressed | None, raw: Any = None) -> Any:  # noqa: ANN401 of pyarrow or of Python
    """Open a file; what is read is uncompressed, and of a table UTF-8.

    Parameters
    ----------
    path, compression, raw
        As for :func:`open_stream`.
    kind : str
        What its name says that it holds.
    """
    stream = open_stream(path, compression, raw)
    if kind not in TABLES:
        return stream
    try:
        return Utf8Stream(stream)
    except BaseException:
        stream.close()
        raise


class _Stream:
    """What both readers are: closed at the end of a `with`."""

    def __enter__(self) -> Any:  # noqa: ANN401 each returns itself
        """Nothing to set up."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError


class GzipStream(_Stream):
    """Reads gzip with Arrow, which is fast, and what Arrow refuses with Python, which knows of padding.

    Parameters
    ----------
    path : str
        The file.
    stream
        The file as Arrow uncompresses it.
    """

    def __init__(self, path: str, stream: Any) -> None:  # noqa: ANN401 pyarrow's
        self._path = path
        self._stream = stream
        self._raw: Any = None
        self._read = 0

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, and none at the end only."""
        try:
            data: bytes = self._stream.read(size)
        except (OSError, pa.ArrowException):
            if isinstance(self._stream, gzip.GzipFile):
                raise
            found = self._with_python(size)
            if found is None:
                raise
            data = found
        except zlib.error as error:  # of Python's reader; callers know Arrow's
            raise OSError(str(error)) from error
        self._read += len(data)
        return data

    def _with_python(self, size: int) -> bytes | None:
        """Go on with Python where Arrow stopped; `None` if the file is broken for it, too."""
        self._stream.close()
        self._raw = open_raw(self._path)
        self._stream = gzip.GzipFile(fileobj=self._raw)
        try:
            self._stream.seek(self._read)
            data: bytes = self._stream.read(size)
        except (OSError, EOFError, zlib.error):
            return None
        return data if self._stream.tell() >= self._read else None

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        if self._raw is not None:
            self._raw.close()


class XzStream(_Stream):
    """Reads xz of one stream or several; unlike Python's reader it takes nothing after them for an end."""

    def __init__(self, path: str) -> None:
        self._file: BinaryIO = open_raw(path)
        self._decoder: lzma.LZMADecompressor | None = None
        self._input = b""

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, and none at the end only."""
        while True:
            if self._decoder is None:
                self._input = self._next_stream()
                if not self._input:
                    return b""
                self._decoder = lzma.LZMADecompressor(memlimit=XZ_MEMORY)
            elif self._decoder.needs_input:
                self._input = self._file.read(_CHUNK_BYTES)
                if not self._input:
                    raise EOFError("the file ends before its last xz stream does")
            data = self._decoder.decompress(self._input, size)
            self._input = b""
            if self._decoder.eof:
                self._input, self._decoder = self._decoder.unused_data, None
            if data:
                return data

    def _next_stream(self) -> bytes:
        """Return the first bytes of the stream that follows, padding left out."""
        padding, found = 0, self._input
        while not (begin := found.lstrip(b"\0")):
            padding += len(found)
            found = self._file.read(_CHUNK_BYTES)
            if not found:
                break
        padding += len(found) - len(begin)
        if padding % _XZ_PADDING:
            raise lzma.LZMAError(f"{padding} zero bytes after an xz stream, not a multiple of four")
        return begin

    def close(self) -> None:
        """Close the file."""
        self._file.close()
