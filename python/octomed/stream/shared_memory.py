"""Streaming's shared memory: what dead processes left is removed, what living ones use is not touched.

Streaming keeps a run's state in segments ``<number>_<name>`` and in lock files next to them; a process that
is killed leaves them behind. A number is in use while a process maps one of its segments, or holds the lock
that `hold` takes: the lock tells of processes in other containers, whose maps cannot be seen.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from streaming.base.constant import BARRIER_FILELOCK, CACHE_FILELOCK, SHM_TO_CLEAN

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEGMENTS = Path("/dev/shm")  # noqa: S108 where POSIX shared memory is on Linux
_SEGMENT = re.compile(rf"(\d{{6}})_(?:{'|'.join(SHM_TO_CLEAN)})")
_LOCK_FILE = re.compile(rf"(\d{{6}})_(?:{BARRIER_FILELOCK}|{CACHE_FILELOCK})")
_MAPPED = re.compile(rb"/dev/shm/(\d{6})_")
_MARK = "octomed"
_CHECKED = "octomed_checked"

_held: dict[tuple[int, int], int] = {}
"""Descriptors by process and number: one that was forked holds what it opens itself."""


def remove_stale() -> list[str]:
    """Remove segments and lock files of processes that are gone, and return their names.

    Only files of this user are looked at. Where other containers share the memory and hide their processes,
    segments of other programs are left alone.
    """
    numbers = _numbers()
    if not numbers:
        return []
    living = _mapped()
    stale = [number for number in numbers if number not in living and _is_stale(number, numbers[number])]
    return [path.name for number in stale for path in numbers[number] if _unlink(path)]


def checked_name(number: int) -> str:
    """Return the name of the segment in which a data set's processes say which shards they have checked."""
    return f"{number:06}_{_CHECKED}"


def hold(number: int) -> None:
    """Mark the segments of a number as used until this process, and those it forks, have ended."""
    mine = os.getpid(), number
    if mine in _held or not _SEGMENTS.is_dir():
        return
    path = _SEGMENTS / f"{number:06}_{_MARK}"
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[mine] = descriptor


def release(number: int) -> None:
    """Take the mark away, if nobody else holds it; a forked process leaves what its parent marked."""
    descriptor = _held.pop((os.getpid(), number), None)
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (_SEGMENTS / f"{number:06}_{_MARK}").unlink()
    os.close(descriptor)


@atexit.register
def _release_all() -> None:
    for _, number in list(_held):
        release(number)


def _numbers() -> dict[int, list[Path]]:
    """Return this user's files by the number that they begin with."""
    numbers: dict[int, list[Path]] = defaultdict(list)
    mark = re.compile(rf"(\d{{6}})_(?:{_MARK}|{_CHECKED})")
    for folder, patterns in ((_SEGMENTS, (_SEGMENT, mark)), (Path(tempfile.gettempdir()), (_LOCK_FILE,))):
        for path in _own_files(folder):
            found = next(filter(None, (pattern.fullmatch(path.name) for pattern in patterns)), None)
            if found:
                numbers[int(found[1])].append(path)
    return numbers


def _own_files(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.name[:6].isdigit() and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    yield Path(entry.path)


def _mapped() -> set[int]:
    """Return the numbers whose segments a process maps."""
    numbers: set[int] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            numbers.update(int(number) for number in _MAPPED.findall(maps.read_bytes()))
    return numbers


def _is_stale(number: int, paths: list[Path]) -> bool:
    mark = _SEGMENTS / f"{number:06}_{_MARK}"
    if mark in paths:
        return not _locked(mark)
    return _sees_every_process() or all(path.parent != _SEGMENTS for path in paths)


def _locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _sees_every_process() -> bool:
    """Say whether whoever shares this memory shows its processes; Linux numbers its first namespaces so."""
    names = Path("/proc/self/ns")
    try:
        first = str((names / "pid").readlink()) == "pid:[4026531836]"
        return first or str((names / "ipc").readlink()) != "ipc:[4026531839]"
    except OSError:
        return False


def _unlink(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False
