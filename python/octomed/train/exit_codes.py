"""How the ranks of a machine end together, with the exit code of the one that failed.

A launcher ends all ranks when one fails, and returns the code of the lowest rank that did not end well: that
of one it killed itself, when another failed. So a rank that fails writes its exit code into a file of its
own, as a worker of torchelastic does (`TORCHELASTIC_ERROR_FILE`), in a folder of the launcher's ranks, and
rank 0 of the machine ends with the code that was written first. A rank that is killed writes none: rank 0
watches the processes of the others, and writes it for them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.storage import write_atomically
from octomed.train.rank_processes import RankProcesses, announced
from octomed.train.rank_processes import started as _started
from octomed.train.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 15.0
"""Seconds after which a rank 0 that hangs in a collective ends by itself; a launcher kills after 30."""

_POLL = 0.1
_ALIVE = "rank0.lock"
_NAME = re.compile(r"octomed-ranks-(\d+)-(\d+)-\d*")


@dataclass(frozen=True)
class Failure:
    """How a rank failed.

    Attributes
    ----------
    code
        Its exit code; 128 and a signal's number where it was killed.
    rank
        Its number on this machine.
    """

    code: int
    rank: int


class Channel:
    """The exit codes that the other ranks of a machine have written.

    Parameters
    ----------
    folder
        Where they write them; None for a rank that has no others.
    last_words
        Called, by another thread, before a rank 0 that hangs is ended for the failure of another one.

    Attributes
    ----------
    failure
        Of the rank that failed first; None while none has.
    """

    def __init__(
        self, folder: Path | None = None, last_words: Callable[[Failure], None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._last_words = last_words
        self._closed = threading.Event()

    @property
    def failure(self) -> Failure | None:
        """Return it, after a moment for one that is being written."""
        if self._folder is not None and self._read() is None:
            time.sleep(3 * _POLL)
        return self._read()

    def leave(self, code: int) -> int:
        """Return the code to end with, and let no signal change it any more."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        return code

    def watch(self, folder: Path) -> None:
        """End this process, `PATIENCE` after a rank failed: a collective without it may never return."""
        with RankProcesses(folder) as others:
            while not self._closed.is_set():
                for rank, code in others.ended(_POLL):
                    if not (folder / f"exit-code-{rank}").exists():
                        _write(folder, rank, code)
                failure = self._read()
                if failure is not None:
                    time.sleep(PATIENCE)
                    self._last_words(failure)
                    self.close()
                    os._exit(failure.code)

    def close(self) -> None:
        """Stop to watch, and remove the folder."""
        self._closed.set()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> Failure | None:
        written = self._folder.glob("exit-code-*") if self._folder is not None else ()
        with contextlib.suppress(OSError, ValueError):  # none, or a folder that is being removed
            path = min(written, key=lambda path: path.stat().st_mtime_ns)
            return Failure(int(path.read_text("ascii")), int(path.name.rpartition("-")[2]))
        return None


@contextlib.contextmanager
def open_channel(last_words: Callable[[Failure], None] = lambda _: None) -> Iterator[Channel]:
    """Watch the other ranks of this machine while the block runs, on its rank 0; else be watched.

    Parameters
    ----------
    last_words
        As `Channel` takes it.
    """
    channel = Channel()
    with contextlib.ExitStack() as announcement:
        with contextlib.suppress(OSError):  # no such folder: codes are what the launcher makes of them
            if _has_others() and _local_rank() == 0:
                _remove_left()
                folder = _make_folder()
                _show_alive(folder)
                channel = Channel(folder, last_words)
                threading.Thread(target=channel.watch, args=(folder,), daemon=True).start()
            elif _has_others():
                announcement.enter_context(announced(_make_folder(), _local_rank()))
        try:
            yield channel
        finally:
            channel.close()


def send(code: int, seconds: float) -> None:
    """Write the exit code of this rank for rank 0 of this machine, and let that one end first.

    Parameters
    ----------
    code
        Of this rank.
    seconds
        How long to wait for rank 0 to end: it may be about to say the same.
    """
    if not _has_others() or _local_rank() == 0:
        return
    with contextlib.suppress(OSError, StorageError):  # what this rank failed with is what has to be told
        folder = _make_folder()
        file = _write(folder, _local_rank(), code)
        if _outlives_rank0(folder, seconds):
            shutil.rmtree(folder, ignore_errors=True)  # a rank 0 that was killed did not
        elif not (folder / _ALIVE).exists():  # nobody will read it
            file.unlink()


def _write(folder: Path, rank: int, code: int) -> Path:
    file = folder / f"exit-code-{rank}"
    write_atomically(file, str(code).encode(), sync=False)
    return file


def _outlives_rank0(folder: Path, seconds: float) -> bool:
    """Wait for rank 0 to end, and return whether it did; it may not have begun yet."""
    until = time.monotonic() + seconds
    with contextlib.ExitStack() as opened:
        alive = None
        while time.monotonic() < until:
            with contextlib.suppress(FileNotFoundError):  # not begun yet, or ended already
                alive = alive or opened.enter_context((folder / _ALIVE).open("rb"))
            if alive is not None and not _is_locked(alive.fileno()):
                return True
            time.sleep(_POLL)
    return False


def _has_others() -> bool:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) > 1


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def _make_folder() -> Path:
    """Make the folder of this launcher's ranks, which no other user's is and no earlier launcher's was.

    Raises
    ------
    OSError
        When it cannot be made, or another user's is in its place.
    """
    launcher = os.getppid()
    name = f"octomed-ranks-{launcher}-{_started(launcher)}-{os.environ.get('MASTER_PORT', '')}"
    folder = Path(tempfile.gettempdir(), name)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"`{folder}` belongs to another user")
    return folder


def _show_alive(folder: Path) -> None:
    """Hold a lock until this process has ended; its loaders' workers do not hold it (`lockf`)."""
    descriptor = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _remove_left() -> None:
    """Remove the folders that killed ranks left: their launcher has ended, and no rank 0 holds its lock."""
    for folder in Path(tempfile.gettempdir()).glob("octomed-ranks-*"):
        matched = _NAME.fullmatch(folder.name)
        with contextlib.suppress(OSError):
            if (
                matched is not None
                and folder.lstat().st_uid == os.geteuid()
                and _started(int(matched[1])) != int(matched[2])
                and not _is_held(folder)
            ):
                shutil.rmtree(folder)


def _is_held(folder: Path) -> bool:
    try:
        with (folder / _ALIVE).open("rb") as alive:
            return _is_locked(alive.fileno())
    except FileNotFoundError:
        return False
