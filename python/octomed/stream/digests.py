"""Digests of raw shards in a cache: what a shard must be, and whether the file that exists is that.

The run's ``index.json`` has the digest of a raw shard where the recipe asks for one that is quick to compute.
Of any other run the digest is taken when the shard is fetched, checked and unpacked, and kept in a small file
beside it, which carries its own digest.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from octomed.storage import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUICK = {
    "xxh3_64": xxhash.xxh3_64,
    "xxh3_128": xxhash.xxh3_128,
    "xxh128": xxhash.xxh128,
    "xxh64": xxhash.xxh64,
    "xxh32": xxhash.xxh32,
}
"""Digests that are faster than a disk, the best first; a cryptographic one would slow every start."""

_KEPT = "xxh3_128"
_ENDING = ".digest"
_CHUNK_BYTES = 2**20

Stamp = tuple[int, int, int, int]
"""What of a file changes when it is written in any ordinary way: inode, size, and times in nanoseconds."""


def stamp_of(path: str) -> Stamp | None:
    """Return a regular file's stamp; ``None`` where there is none, a link for instance."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        if stat.S_ISREG(status.st_mode):
            return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return None


def number_of(stamp: Stamp) -> int:
    """Return a stamp as one number of 64 bits that is not 0."""
    return xxhash.xxh3_64_intdigest(repr(stamp).encode()) or 1


def digest_in_index(hashes: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the digest to check a raw shard by, its name first, where the index has a quick one."""
    return next(((name, hashes[name]) for name in _QUICK if name in hashes), None)


def digest_of(data: bytes) -> tuple[str, str]:
    """Return the digest that is kept of a raw shard, its name first."""
    return _KEPT, _QUICK[_KEPT](data).hexdigest()


def file_has(path: str, expected: tuple[str, str]) -> bool:
    """Tell whether a file has a digest.

    It is read and not mapped: a mapped file that another process cuts ends this one.

    Raises
    ------
    OSError
        When it cannot be read, or is a link.
    """
    name, digest = expected
    state = _QUICK[name]()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while size := file.readinto(buffer):
            state.update(buffer[:size])
    return state.hexdigest() == digest


def keep_digest(path: str, digest: tuple[str, str]) -> None:
    """Write the digest of a raw shard next to it.

    Raises
    ------
    StorageError
        When that file cannot be written.
    """
    line = f"{Path(path).name} {digest[0]} {digest[1]}"
    if os.path.islink(path + _ENDING):  # noqa: PTH114 a path as text
        Path(path + _ENDING).unlink(missing_ok=True)
    write_atomically(Path(path + _ENDING), f"{line} {_own(line)}\n".encode(), sync=False)


def kept_digest(path: str) -> tuple[str, str] | None:
    """Return the digest that was kept of a raw shard; ``None`` where it is missing or damaged."""
    try:
        if stamp_of(path + _ENDING) is None:
            return None
        line, own = Path(path + _ENDING).read_text("ascii").removesuffix("\n").rsplit(" ", 1)
        basename, name, digest = line.rsplit(" ", 2)
    except (OSError, ValueError):
        return None
    return (name, digest) if (basename, name, own) == (Path(path).name, _KEPT, _own(line)) else None


def _own(line: str) -> str:
    return xxhash.xxh3_64_hexdigest(line.encode())
