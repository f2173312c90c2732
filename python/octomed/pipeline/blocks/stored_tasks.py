"""Tasks of which a working store has blocks: how large they are, when they were used, and how they leave."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.file_names import task_folder
from octomed.state import there
from octomed.storage import storage_error
from octomed.store_files import TASK_FILE, Usage, load_usage, write_usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from octomed.pipeline.blocks.working_store import WorkingStore


@dataclass(frozen=True)
class StoredTask:
    """A task of which blocks are stored.

    Attributes
    ----------
    key
        Its key.
    here
        Bytes of its files on this machine.
    there
        Bytes of its files at the store's address, by name.
    used
        When it was used last, in seconds since 1970; 0 where nobody knows.
    """

    key: str
    here: int = 0
    there: Mapping[str, int] = field(default_factory=dict)
    used: float = 0.0

    @property
    def bytes(self) -> int:
        """Bytes of its files, wherever they are."""
        return self.here + sum(self.there.values())


def stored_tasks(working: WorkingStore) -> dict[str, StoredTask]:
    """Return the tasks of which there are blocks, by their keys and in the keys' order."""
    used: Mapping[str, int] = {}
    there_: dict[str, dict[str, int]] = {}
    if working.remote is not None:
        used = (there(load_usage(working.remote.store)) or Usage()).tasks
        for found in working.remote.store.listed("blocks/"):
            key, _, name = found.name.removeprefix("blocks/").partition("/")
            there_.setdefault(key, {})[name] = found.size
    here = {path.name: path for path in _folders(working.folder / "blocks")}
    return {
        key: StoredTask(
            key,
            _size(here[key]) if key in here else 0,
            there_.get(key, {}),
            max(used.get(key, 0), _used(here[key]) if key in here else 0),
        )
        for key in sorted({*here, *there_})
    }


def remove(working: WorkingStore, tasks: Iterable[StoredTask]) -> None:
    """Remove blocks, at the address first: what says that a task stands goes before what it names.

    Raises
    ------
    StorageError
        When that is not allowed.
    """
    for task in tasks:
        if task.there and working.remote is not None:
            working.remote.delete(task.key, task.there)
        if task.here or not task.there:
            remove_folder(working.folder / task_folder(task.key))


def note_use(working: WorkingStore, keys: Iterable[str]) -> None:
    """Note that tasks are used now: where a store is to be small, others go before them."""
    now = time.time()
    for key in keys:
        try:
            os.utime(working.folder / task_folder(key) / TASK_FILE, (now, now))
        except OSError:  # another's file: it goes a little sooner
            continue
    if working.remote is not None:
        found = there(load_usage(working.remote.store)) or Usage()
        write_usage(working.remote.store, Usage({**found.tasks, **dict.fromkeys(keys, int(now))}))


def _folders(path: Path) -> list[Path]:
    return [one for one in path.iterdir() if one.is_dir()] if path.is_dir() else []


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _used(folder: Path) -> float:
    """Return when a task was used last: its note has the time, else when something was made in its folder."""
    note = folder / TASK_FILE
    return (note if note.exists() else folder).stat().st_mtime


def remove_folder(path: Path) -> None:
    """Remove a folder of a store.

    Raises
    ------
    StorageError
        When that is not allowed.
    """
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise storage_error("delete", path, error) from error
