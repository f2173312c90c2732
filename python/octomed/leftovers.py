"""Temporary files that a killed process left: found by names that only this program gives, and removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.file_names import (
    FILES_OF_STREAM,
    FILES_OF_TABLES,
    PAGES,
    REPAIR,
    RUN_FILE,
    STREAM_FOLDERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_OUTPUT = r"octomed\.json|\.octomed-run\.json|report\.html|README\.md"
_OF_TASK = r"\d+(?:-\d+)?\.(?:ids|index|images|image_files|measures|bands|questions|dhashes)|task\.json"
_OF_RUNS = r"[0-9a-f]{32}\.json"
_TASK_FOLDER = re.compile(r"[0-9a-f]{32}")


def clear_output(folder: Path) -> None:
    """Remove what killed runs left in an output folder; its lock is held.

    Parameters
    ----------
    folder
        The output folder. A link inside of it is not followed.
    """
    _clear(folder, _OF_OUTPUT)
    if not (folder / REPAIR).is_symlink():
        shutil.rmtree(folder / REPAIR, ignore_errors=True)
    for path in _folders(folder):
        names = _names_in(path.name)
        if names is not None:
            _clear(path, names)


def clear_store(store: Path, tasks: Iterable[str] | None = None) -> None:
    """Remove what killed runs left of some tasks' blocks, or of all; a living run's files are left alone.

    Parameters
    ----------
    store
        The working store.
    tasks
        Keys of the tasks.
    """
    _clear(store / "runs", _OF_RUNS)
    blocks = store / "blocks"
    folders = _folders(blocks) if tasks is None else [blocks / key for key in tasks]
    for path in folders:
        if _TASK_FOLDER.fullmatch(path.name):
            _clear(path, _OF_TASK)


def files_of_run(folder: Path) -> list[str]:
    """Return the names, relative to the output folder, of files that a run writes there; links are none."""
    inside = [
        f"{path.name}/{entry.name}"
        for path in _folders(folder)
        if (names := _names_in(path.name)) is not None
        for entry in os.scandir(path)
        if entry.is_file(follow_symlinks=False) and re.fullmatch(names, entry.name)
    ]
    run_file = folder / RUN_FILE
    return sorted([*inside, *([run_file.name] if run_file.is_file() and not run_file.is_symlink() else [])])


def is_of_run(path: Path) -> bool:
    """Tell whether all that is at a path of an output folder is what only a run writes there."""
    if path.is_symlink():
        return False
    names = _names_in(path.name)
    if names is None or not path.is_dir():
        # The pages are never written over where somebody else's hand is in them (`output/pages.py`).
        return path.is_file() and path.name in {RUN_FILE, *PAGES}
    every = re.compile(rf"{names}|{_of_today(names).pattern}|{_of_old(names).pattern}")
    return all(
        entry.is_file(follow_symlinks=False) and every.fullmatch(entry.name) for entry in os.scandir(path)
    )


def _names_in(folder: str) -> str | None:
    """Return the expression of the names in a folder of an output; `None` where a run makes none such."""
    return FILES_OF_STREAM if re.fullmatch(STREAM_FOLDERS, folder) else FILES_OF_TABLES.get(folder)


def is_temporary(name: str, of: str) -> bool:
    """Tell whether a name is a temporary one for files whose names match the expression `of`."""
    return _of_today(of).fullmatch(name) is not None or _of_old(of).fullmatch(name) is not None


def _of_today(names: str) -> re.Pattern[str]:
    return re.compile(rf"\.(?:{names})\.tmp-[0-9a-f]{{16}}")


def _of_old(names: str) -> re.Pattern[str]:
    """Return the form that names had before: a process and a number, a process, or neither."""
    return re.compile(rf"(?:{names})\.tmp(?:-(?P<process>\d{{1,9}})(?:-\d+)?)?")


def _clear(folder: Path, names: str) -> None:
    today, old = _of_today(names), _of_old(names)
    with contextlib.suppress(OSError):
        if folder.is_symlink():
            return
        for entry in list(os.scandir(folder)):
            if not entry.is_file(follow_symlinks=False):
                continue
            found = old.fullmatch(entry.name)
            process = found["process"] if found else None
            if today.fullmatch(entry.name) or (found and not (process and _lives(int(process)))):
                _remove_unheld(Path(entry.path))


def _remove_unheld(path: Path) -> None:
    """Remove a file whose writer is gone: a living one holds its lock."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def _lives(process: int) -> bool:
    """Tell whether a process lives: those of earlier versions held no locks."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    return []
