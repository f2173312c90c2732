"""What of the machine this process may use: cores and memory, as affinity and control groups limit them."""

from __future__ import annotations

import functools
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path("/")
_NO_LIMIT = 2**60
"""Version 1 writes a number near 2**63 where memory has no limit."""


def cores(root: Path = _ROOT) -> int:
    """Return how many threads can work at once: what affinity, CPU sets and quotas leave, one at least.

    A quota of one and a half cores counts as two: with one thread the half would never be used.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` lie, for tests.
    """
    return max(1, math.ceil(min(_affinity(), _of_groups(root))))


def all_cores() -> int:
    """Return the cores of the machine, whatever this process may use of them."""
    return os.cpu_count() or 1


def available_memory() -> int | None:
    """Return the bytes of the machine's memory that nobody uses now, where the system says so."""
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held at once, as the system counted them.

    Examples
    --------
    >>> peak_memory() > 1_000_000
    True
    """
    import resource  # noqa: PLC0415 of Unix alone

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # bytes there, kilobytes elsewhere


@functools.cache
def _of_groups(root: Path) -> float:
    """Return the cores that the control groups leave; groups stay what they are, affinity is asked again."""
    found = (
        limit for group in _groups(root) for limit in (_quota_v2(group), _quota_v1(group), _cpu_set(group))
    )
    return min((limit for limit in found if limit is not None), default=math.inf)


def memory(root: Path = _ROOT) -> int:
    """Return how many bytes of memory this process may use: the machine's, or the least limit of its groups.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` lie, for tests.
    """
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for group in _groups(root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _number(group / name)
            if limit is not None and 0 < limit < _NO_LIMIT:
                size = min(size, limit)
    return size


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class _Mount:
    """A hierarchy of control groups."""

    inside: str
    """Which of its folders is mounted: in a container that of the container's own group."""
    at: Path
    controllers: frozenset[str]
    """Names of version 1; none for version 2, which has one hierarchy for all."""


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups and of those around them: a limit holds for all below it."""
    memberships = dict(_memberships(root))
    for mount in _mounts(root):
        found = [path for names, path in memberships.items() if names == mount.controllers]
        for path in found or ["/"]:
            # A process that was moved out of the mounted group has a path with `..`: it sees the mount.
            below = os.path.relpath(path, mount.inside) if path.startswith(mount.inside) else "."
            folder = mount.at if below.startswith("..") else mount.at / below
            while True:
                yield folder
                if folder in (mount.at, folder.parent):
                    break
                folder = folder.parent


def _memberships(root: Path) -> Iterator[tuple[frozenset[str], str]]:
    """Yield the controllers of each hierarchy and this process's group in it: ``4:cpu,cpuacct:/path``."""
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        yield frozenset() if number == "0" else frozenset(names.split(",")), path


def _mounts(root: Path) -> Iterator[_Mount]:
    """Yield the mounted hierarchies: ``36 35 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu``."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in {"cgroup", "cgroup2"}:  # noqa: PLR2004 their fields
            continue
        options = frozenset(kinds[2].split(",")) - {"rw", "ro", "xattr", "clone_children"}
        at = root / _unescaped(fields[4]).lstrip("/")
        yield _Mount(_unescaped(fields[3]), at, options if kinds[0] == "cgroup" else frozenset())


def _unescaped(path: str) -> str:
    r"""Return a path as `mountinfo` means it, which writes blanks as ``\040``."""
    for text, character in (("\\040", " "), ("\\011", "\t"), ("\\134", "\\")):
        path = path.replace(text, character)
    return path


def _quota_v2(group: Path) -> float | None:
    quota, _, period = _text(group / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _quota_v1(group: Path) -> float | None:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    return quota / period if quota is not None and period and quota > 0 else None


def _cpu_set(group: Path) -> int | None:
    """Count the cores of ``0-3,8``, which affinity need not follow."""
    for name in ("cpuset.cpus.effective", "cpuset.effective_cpus"):
        ranges = [part.partition("-") for part in _text(group / name).split(",") if part]
        if ranges and all(
            first.isdecimal() and (not dash or last.isdecimal()) for first, dash, last in ranges
        ):
            return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)
    return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.removeprefix("-").isdecimal() else None


def _lines(path: Path) -> list[str]:
    return _text(path).splitlines()


def _text(path: Path) -> str:
    """Return what a file of the kernel's holds; nothing where there is none, or none that may be read."""
    try:
        return path.read_text(errors="surrogateescape").strip()
    except (OSError, ValueError):
        return ""
