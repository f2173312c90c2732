"""Blocks of a working store at an address: fetched where a run needs them, and uploaded when a task stands.

A task is there when its `task.json` is, which is written last and deleted first.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from octomed.file_names import UNREACHABLE, task_folder
from octomed.pipeline.threads.transfers import Transfers, for_each
from octomed.state import Damaged, NotThere, there
from octomed.storage import atomic_file, storage_error, sync_file
from octomed.store_files import (
    FETCHED_FILE,
    TASK_FILE,
    WITHOUT_IMAGES,
    TaskRecord,
    forget_task,
    is_whole,
    load_fetched,
    load_task,
    name_without_images,
    task_without_images,
    write_fetched,
    write_task,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from octomed.store import LocalStore
    from octomed.stores.client import ObjectStore

_PIECE = 8 * 2**20
"""Bytes of a file that are held at once, in each of the threads that fetch."""


@dataclass(frozen=True)
class RemoteTask:
    """What a store has of a task.

    Attributes
    ----------
    note
        What its note says.
    sizes
        Bytes of its files, by name in its folder.
    """

    note: TaskRecord | NotThere | Damaged
    sizes: Mapping[str, int]

    @property
    def record(self) -> TaskRecord | None:
        """The note, where all files are there that it names."""
        found = there(self.note)
        return found if found is not None and is_whole(found, self.sizes.get) else None


@dataclass(frozen=True)
class RemoteBlocks:
    """Blocks of a store at an address.

    Attributes
    ----------
    store
        What is at the address.
    local
        The part of it on this machine.
    """

    store: ObjectStore
    local: LocalStore

    def look(self, keys: Iterable[str]) -> dict[str, RemoteTask]:
        """Return what the store has of some tasks, by their keys.

        Parameters
        ----------
        keys
            Of the tasks.

        Raises
        ------
        StorageError
            When the store does not answer.
        """
        keys = list(dict.fromkeys(keys))
        return dict(zip(keys, for_each(self._look, keys), strict=True))

    def _look(self, key: str) -> RemoteTask:
        folder = f"{task_folder(key)}/"
        sizes = {found.name.removeprefix(folder): found.size for found in self.store.listed(folder)}
        if TASK_FILE not in sizes:
            return RemoteTask(NotThere(folder), sizes)
        return RemoteTask(load_task(self.store, key), sizes)

    def fetch(self, tasks: Mapping[str, RemoteTask]) -> set[str]:
        """Fetch the blocks of tasks into the folder, where they stand as if they had been made there.

        Parameters
        ----------
        tasks
            Tasks that stand in the store, by their keys.

        Returns
        -------
        set of str
            Keys of those that were taken from the store meanwhile.

        Raises
        ------
        StorageError
            When the store does not answer, or the folder cannot be written.
        """
        gone: set[str] = set()
        with Transfers() as transfers:
            for key, task in tasks.items():
                for name, size in self._missing(key, task).items():
                    transfers.submit(partial(self._fetch, key, name, size, gone))
        for key, task in tasks.items():
            if key not in gone and task.record is not None:
                write_task(self.local, key, task.record)
                self.local.delete(f"{task_folder(key)}/{FETCHED_FILE}")
        return gone

    def _missing(self, key: str, task: RemoteTask) -> dict[str, int]:
        """Return the sizes of a task's files that are not here, and have those of another scan go first."""
        record = task.record
        assert record is not None
        folder = self.local.folder / task_folder(key)
        if there(load_fetched(self.local, key)) != record:
            forget_task(self.local, key)
            _remove_folder(folder)
            write_fetched(self.local, key, record)
        names = [name for header in record.blocks for name in header.files]
        names += [name for name in task.sizes if name.endswith(UNREACHABLE)]
        return {name: task.sizes[name] for name in names if _size(folder / name) != task.sizes[name]}

    def _fetch(self, key: str, name: str, size: int, gone: set[str]) -> None:
        """Fetch a file, which is here when all of it is; its own checksums say later whether it is sound."""
        path = self.local.folder / task_folder(key) / name
        try:
            with atomic_file(path, mode=self.local.mode, sync=False) as file:
                for start in range(0, size, _PIECE):
                    file.write(self._piece(f"{task_folder(key)}/{name}", start, min(_PIECE, size - start)))
            sync_file(path)
        except _Gone:
            gone.add(key)

    def _piece(self, name: str, start: int, length: int) -> bytes:
        try:
            data = self.store.read_range(name, start, length)
        except FileNotFoundError:
            raise _Gone from None
        if len(data) != length:
            raise _Gone
        return data

    def upload(self, transfers: Transfers, key: str, record: TaskRecord) -> None:
        """Have the blocks of a task uploaded, and its note when all are there.

        Parameters
        ----------
        transfers
            Makes the calls.
        key, record
            The task, which stands in the folder.
        """
        folder = self.local.folder / task_folder(key)
        names = [name for header in record.blocks for name in header.files]
        names += sorted(path.name for path in folder.glob(f"*{UNREACHABLE}"))
        last = _Last(len(names), partial(write_task, self.store, key, record))
        if not names:
            transfers.submit(last.call)
        for name in names:
            transfers.submit(partial(self._upload, key, name, last))

    def _upload(self, key: str, name: str, last: _Last) -> None:
        folder = task_folder(key)
        self.store.put_file(f"{folder}/{name}", self.local.folder / folder / name)
        last.one_done()

    def forget(self, key: str) -> None:
        """Forget that a task stands in the store, so that nobody fetches it."""
        forget_task(self.store, key)

    def delete(self, key: str, names: Iterable[str]) -> None:
        """Delete a task: what says that it stands first."""
        folder = task_folder(key)
        self.forget(key)
        for_each(self.store.delete, [f"{folder}/{name}" for name in names if name != TASK_FILE])

    # Tasks without images

    @cached_property
    def _known_without_images(self) -> frozenset[str]:
        return frozenset(self.store.names(f"{WITHOUT_IMAGES}/"))

    def without_images(self, keys: Sequence[str]) -> dict[str, str]:
        """Return under which key the blocks lie of those tasks that the store knows to have no image."""
        known = [key for key in keys if name_without_images(key) in self._known_without_images]
        found = for_each(partial(task_without_images, self.store), known)
        return {key: task for key, task in zip(known, found, strict=True) if task is not None}

    def note_without_images(self, transfers: Transfers, key: str) -> None:
        """Have it noted in the store that a task has no image, where that is noted in the folder."""
        name = name_without_images(key)
        if self.local.size(name) is not None and name not in self._known_without_images:
            transfers.submit(lambda: self.store.put(name, self.local.read(name)))


class _Gone(Exception):
    """What is being fetched is not in the store any more."""


class _Last:
    """What is done when a number of calls are."""

    def __init__(self, calls: int, call: partial[None]) -> None:
        self._left, self.call, self._lock = calls, call, Lock()

    def one_done(self) -> None:
        """Count a call; the last makes the one that follows."""
        with self._lock:
            self._left -= 1
            is_last = not self._left
        if is_last:
            self.call()


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None


def _remove_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error("delete", folder, error) from error
