"""Speed and room of the disks that a run writes to, for `octomed doctor`; nothing is left there."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from octomed.report.diagnosis import Finding
from octomed.report.units import bytes_of

_PIECE = 4 * 2**20
_MOST_BYTES = 128 * 2**20
_MOST_SECONDS = 1.5
_LEAST_FREE = 10 * 2**30
_SLOW = 50e6
"""Bytes a second below which a run waits for its disk."""

_OF_NETWORKS = ("nfs", "cifs", "smb", "fuse", "lustre", "gpfs", "ceph", "9p", "beegfs")


@dataclass(frozen=True)
class DiskSpeed:
    """What a disk did in a second or so.

    Attributes
    ----------
    written, read
        Bytes a second, the first with the sync that makes them last.
    sync
        Seconds that one sync of a few bytes took.
    """

    written: float
    read: float
    sync: float


def disk(name: str, folder: str) -> Finding:
    """Look at the disk of a folder, which need not be there yet.

    Parameters
    ----------
    name
        The key of the recipe that names it.
    folder
        What it says.
    """
    try:
        there = existing(Path(folder))
        free, speed = shutil.disk_usage(there).free, measured(there)
    except OSError as error:
        hint = "choose a folder that you may write to, on a disk with room"
        return Finding("disk", name, f"cannot be written: {error.strerror or error}", "failed", hint)
    kind = file_system(there)
    said = (
        f"{bytes_of(free)} free, {speed.written / 1e6:,.0f} MB/s written, {speed.read / 1e6:,.0f} MB/s read, "
        f"{speed.sync * 1e3:,.1f} ms a sync{f', {kind}' if kind else ''}"
    )
    values = {"free": free, "written": speed.written, "read": speed.read, "sync": speed.sync, "kind": kind}
    return Finding.judged("disk", name, said, _complaint(free, speed, kind), **values)


def _complaint(free: int, speed: DiskSpeed, kind: str | None) -> str | None:
    if free < _LEAST_FREE:
        return (
            "little room: `octomed plan` says how much a run needs; `octomed clean` frees the working store"
        )
    if speed.written < _SLOW:
        return "a run may wait for this disk: put `work.path` on a local one"
    if kind is not None and kind.startswith(_OF_NETWORKS):
        return "a file system of a network: `work.path` on a local disk is quicker"
    return None


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there.

    Raises
    ------
    NotADirectoryError
        When that is a file.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"`{folder.name}` on the way is not a folder")
    return folder


def measured(folder: Path) -> DiskSpeed:
    """Write a file without a name for a second at most, sync it, and read it back.

    Parameters
    ----------
    folder
        One that is there; what is written there is gone when the file is closed, and after `kill -9` as well.
    """
    piece = os.urandom(_PIECE)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        file.write(b"x")
        begin = time.perf_counter()
        os.fsync(file.fileno())
        sync = time.perf_counter() - begin
        most = min(_MOST_BYTES, shutil.disk_usage(folder).free // 8)
        size, begin = 0, time.perf_counter()
        while size + _PIECE <= most and time.perf_counter() - begin < _MOST_SECONDS:
            file.write(piece)
            size += _PIECE
        os.fsync(file.fileno())
        written = size / (time.perf_counter() - begin)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        size, begin = 0, time.perf_counter()
        while (data := file.read(_PIECE)) and time.perf_counter() - begin < _MOST_SECONDS:
            size += len(data)
        return DiskSpeed(written, size / max(time.perf_counter() - begin, 1e-9), sync)


def file_system(folder: Path) -> str | None:
    """Return the kind of the file system that a folder is in, where the system says."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    real, best, found = os.path.realpath(folder), "", None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        at = fields[4].replace("\\040", " ") if len(fields) > 4 else ""  # noqa: PLR2004 the field of the place
        inside = real == at or real.startswith(at.rstrip("/") + "/")
        if inside and len(at) >= len(best):
            best, found = at, after.split(" ")[0]
    return found
