"""Files with holes, in a folder of this process that is gone when it is, however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import itertools
import os
import shutil
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

from octomed.storage import make_folder, storage_error

_FOLDER = "mirrors"
_LOCK = "lock"
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


class SparseFolder:
    """Where mirrors lie: a folder that only its owner reads, with a lock that says whether its process lives.

    Parameters
    ----------
    scratch
        A local folder; it need not exist.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._made_scratch = False
        self._lock = threading.Lock()
        self._process = 0
        self._folder = Path()
        self._descriptor = -1
        self._numbers = itertools.count()

    def new_file(self, size: int) -> str:
        """Make a file of one hole, and return its path.

        Raises
        ------
        StorageError
            When the disk refuses.
        """
        folder = self._made()
        path = str(folder / f"{next(self._numbers)}")
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(descriptor, size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error("write", path, error) from error
        return path

    def _made(self) -> Path:
        with self._lock:
            if self._process == os.getpid() and self._folder.is_dir():
                return self._folder
            home = self._scratch
            self._made_scratch = not home.is_dir()
            make_folder(home / _FOLDER, "owner")
            _remove_dead(home / _FOLDER)
            self._folder = Path(tempfile.mkdtemp(dir=home / _FOLDER))
            self._descriptor = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._process = os.getpid()
            return self._folder

    def remove(self) -> None:
        """Remove the folder and all in it; one of another process is left to it."""
        with self._lock:
            if self._process != os.getpid():
                return
            self._process = 0
            shutil.rmtree(self._folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            with contextlib.suppress(OSError):
                self._folder.parent.rmdir()  # the last one out
                if self._made_scratch:
                    self._scratch.rmdir()


def _remove_dead(home: Path) -> None:
    """Remove folders of processes that were killed."""
    for folder in home.iterdir():
        try:
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # it is being made, or removed
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(descriptor)


def write_at(path: str, data: memoryview, offset: int) -> None:
    """Write bytes at their place.

    Raises
    ------
    StorageError
        When the disk refuses.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            while data:
                written = os.pwrite(descriptor, data, offset)
                data, offset = data[written:], offset + written
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error("write", path, error) from error


@cache
def _fallocate() -> Any:  # noqa: ANN401 a function of the system's library
    return getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)


def punch(path: str, begin: int, end: int) -> None:
    """Give the disk back what a range takes, where the system can: the bytes there are zero afterwards."""
    call = _fallocate()
    if call is None:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            call(
                descriptor,
                ctypes.c_int(_KEEP_SIZE | _PUNCH_HOLE),
                ctypes.c_int64(begin),
                ctypes.c_int64(end - begin),
            )
        finally:
            os.close(descriptor)
