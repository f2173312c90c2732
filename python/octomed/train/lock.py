"""One training a folder: two would cut each other's measurements and delete each other's checkpoints."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.storage import LOCK_NAME, make_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def exclusive(folder: str) -> Iterator[None]:
    """Hold a folder for as long as the block runs; a dead process holds none.

    The lock belongs to the process (`lockf`): a loader's worker that outlives a killed rank does not hold it.

    Parameters
    ----------
    folder
        Local folder, made if it is missing.

    Raises
    ------
    RecipeError
        When another process holds it.
    """
    path = Path(folder, LOCK_NAME)
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error("write", path, error) from error
    try:
        _take(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: str) -> None:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        raise RecipeError(
            f"process {holder} is training in `{folder}`",
            "wait for it, end it, or choose another folder; ranks may outlive a killed launcher",
        ) from error
    except OSError:  # a file system without locks: nobody is kept out
        return
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
