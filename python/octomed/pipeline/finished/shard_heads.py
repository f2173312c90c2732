"""The first packs of a shard, read without the rest of it: a look at a few costs no whole shard.

The head of a shard is written again as a small shard of its own, which the engine reads as any other.
"""

from __future__ import annotations

import contextlib
import json
import struct
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed import _octomed
from octomed.errors import DataError
from octomed.mds_index import INDEX, FileInfo, StreamIndex, read_index
from octomed.names import shown
from octomed.store import StoredFile
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from octomed.mds_index import ShardInfo
    from octomed.store import Store

_CODECS = {"zstd": "zstd", "br": "brotli", "gz": "gzip", "bz2": "bz2"}
"""Compressions that are undone piece by piece, by pyarrow's names; `snappy` is one piece."""
_PIECE_BYTES = 2**18
_WORD = 4


def shards_of(store: Store, stream: str) -> tuple[ShardInfo, ...]:
    """Return the shards of a stream.

    Parameters
    ----------
    store
        The files of the run.
    stream
        Its name.

    Raises
    ------
    DataError
        When its index is missing or damaged.
    """
    try:
        return read_index(store.read(f"{stream}/{INDEX}")).shards
    except FileNotFoundError:
        raise DataError(f"`{stream}/{INDEX}` is missing") from None
    except ValueError as error:
        raise DataError(f"`{stream}/{INDEX}` is damaged: {error}") from error


@contextlib.contextmanager
def head_of(store: Store, stream: str, shard: ShardInfo, most: int) -> Iterator[Path]:
    """Have the first packs of a shard as a stream of their own, in a folder that goes with the block.

    Parameters
    ----------
    store, stream, shard
        Which shard.
    most
        Packs at most.

    Raises
    ------
    DataError
        When the shard is missing, shorter than it says, or compressed as nothing here undoes.

    Notes
    -----
    What is read is as much as the packs take: digests, which are of the whole shard, are not compared.
    """
    name = f"{stream}/{shard.file.basename}"
    try:
        with contextlib.ExitStack() as opened:
            raw, samples = _head(_opened(store, name, shard, opened), min(most, shard.samples))
    except (OSError, pa.ArrowException, struct.error) as error:
        raise DataError(f"`{shown(name)}` cannot be read: {error}") from error
    if samples == 0:
        raise DataError(f"`{shown(name)}` ends before its first pack")
    with tempfile.TemporaryDirectory(prefix="octomed-head-") as made:
        folder = Path(made)
        file = FileInfo("shard.00000.mds", len(raw), {})
        info = replace(shard, compression=None, hashes=(), raw_data=file, samples=samples, zip_data=None)
        (folder / file.basename).write_bytes(raw)
        (folder / INDEX).write_text(json.dumps(plain(StreamIndex((info,)))))
        yield folder


def packs_of(folder: Path, packs: int) -> list[_octomed.PackContent]:
    """Return the packs of a small stream.

    Parameters
    ----------
    folder
        As :func:`head_of` gives it.
    packs
        How many.
    """
    return [_octomed.read_pack(str(folder), number) for number in range(packs)]


def _opened(store: Store, name: str, shard: ShardInfo, opened: contextlib.ExitStack) -> BinaryIO:
    """Open a shard to be read from its beginning, what is compressed undone."""
    stored = pa.PythonFile(opened.enter_context(StoredFile(store, name)), "r")
    file: BinaryIO = opened.enter_context(pa.BufferedInputStream(stored, _PIECE_BYTES))
    if shard.zip_data is None:
        return file
    codec = _CODECS.get((shard.compression or "").partition(":")[0])
    if codec is None:
        raise DataError(f"`{shown(name)}`: nothing undoes `{shard.compression}` piece by piece")
    undone: BinaryIO = opened.enter_context(pa.CompressedInputStream(file, codec))
    return undone


def _head(file: BinaryIO, most: int) -> tuple[bytes, int]:
    """Return the first packs of a raw shard as a raw shard, and how many they are.

    A raw shard is the number of its rows, where each begins and the last ends, its format, and its rows.
    """
    rows = _words(file, 1)[0]
    most = min(most, rows)
    offsets = _words(file, rows + 1)
    shift = (rows - most) * _WORD
    head = struct.pack(f"<{most + 2}I", most, *(offset - shift for offset in offsets[: most + 1]))
    behind = (rows + 2) * _WORD
    rest = _exactly(file, offsets[most] - behind)
    return head + rest, most


def _words(file: BinaryIO, number: int) -> tuple[int, ...]:
    return struct.unpack(f"<{number}I", _exactly(file, number * _WORD))


def _exactly(file: BinaryIO, size: int) -> bytes:
    pieces, left = [], size
    while left > 0:
        piece = file.read(min(left, _PIECE_BYTES))
        if not piece:
            raise OSError("it ends before its size")
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
