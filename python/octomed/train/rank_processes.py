"""The processes of a machine's other ranks, as its rank 0 watches them: one that is killed cannot say so."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

_PREFIX = "rank-"
_KILLED = 128 + signal.SIGKILL
"""Where nobody can say how a process ended: most often the system killed it, for its memory."""
_STARTED, _STATUS = 19, 49
"""Fields of `/proc/<process>/stat` after the name: when it began, and its status as `waitpid` has it."""


@contextlib.contextmanager
def announced(folder: Path, rank: int) -> Iterator[None]:
    """Have this process watched while the block runs: if it ends before, it was killed.

    Parameters
    ----------
    folder
        Of this launcher's ranks.
    rank
        Number of this process on this machine.
    """
    file = folder / f"{_PREFIX}{rank}"
    file.write_text(str(os.getpid()), encoding="ascii")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # rank 0 has removed it, or others are still in the folder
            file.unlink()
            folder.rmdir()


def started(process: int) -> int:
    """Return when a process began, in ticks since the machine did; 0 where that cannot be known."""
    return _field(process, _STARTED) or 0


class RankProcesses:
    """Processes that were announced in a folder.

    Parameters
    ----------
    folder
        Of this launcher's ranks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._watched: dict[int, tuple[int, int]] = {}
        self._poll = select.poll()
        self._known: set[int] = set()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        for descriptor in self._watched:
            os.close(descriptor)

    def ended(self, seconds: float) -> Iterator[tuple[int, int]]:
        """Wait a moment, and yield the rank and the exit code of each that ended without a word.

        Parameters
        ----------
        seconds
            To wait at most.
        """
        for rank in self._look():
            yield rank, _KILLED
        if not self._watched:
            time.sleep(seconds)
        for descriptor, _ in self._poll.poll(1000 * seconds):
            rank, process = self._watched.pop(descriptor)
            code = _exit_code(process)
            self._poll.unregister(descriptor)
            os.close(descriptor)
            if code and (self._folder / f"{_PREFIX}{rank}").exists():
                yield rank, code

    def _look(self) -> Iterator[int]:
        """Watch those that were announced since, and yield the ranks of those that are gone already."""
        for file in self._folder.glob(f"{_PREFIX}*"):
            with contextlib.suppress(ValueError, OSError):  # being written, or removed
                rank, process = int(file.name.removeprefix(_PREFIX)), int(file.read_text("ascii"))
                if rank not in self._known:
                    self._known.add(rank)
                    try:
                        self._watch(rank, process)
                    except ProcessLookupError:
                        yield rank

    def _watch(self, rank: int, process: int) -> None:
        if hasattr(os, "pidfd_open"):  # Linux
            descriptor = os.pidfd_open(process)
            self._watched[descriptor] = rank, process
            self._poll.register(descriptor, select.POLLIN)


def _exit_code(process: int) -> int:
    """Return the exit code of a process that has ended, which its parent may have asked for already."""
    status = _field(process, _STATUS)
    if status is None:
        return _KILLED
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _field(process: int, number: int) -> int | None:
    """Return a field of `/proc/<process>/stat`, counted after the name; None where it cannot be read."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        text = Path(f"/proc/{process}/stat").read_text("utf-8", errors="replace")
        return int(text.rpartition(")")[2].split()[number])
    return None
