"""Input files opened to be read from their beginning, their compression undone."""

from __future__ import annotations

import os
from typing import Any, Literal

import pyarrow as pa

from octomed.recipe.padded import GzipStream, XzStream

Compressed = Literal["gzip", "zstd", "bz2", "lz4", "brotli", "xz"]

COMPRESSED: dict[str, Compressed] = {
    ".gz": "gzip",
    ".gzip": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bz2",
    ".lz4": "lz4",
    ".br": "brotli",
    ".xz": "xz",
}
"""Compressions that a file name may end in."""


def native(path: str) -> Any:  # noqa: ANN401 pyarrow's stubs take no bytes
    """Open a file for pyarrow, whatever bytes its name has."""
    return pa.OSFile(os.fsencode(path))


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
        return open(path, "rb", buffering=0)
    if compression == "xz":
        return XzStream(path)
    stream = pa.CompressedInputStream(raw or native(path), compression)
    return GzipStream(path, stream) if compression == "gzip" else stream
