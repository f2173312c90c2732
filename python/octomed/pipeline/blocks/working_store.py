"""The working store of a run: a folder, and where its path is an address, what is at that address as well."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from octomed.aside import aside
from octomed.recipe.places import store_folder
from octomed.store import LocalStore
from octomed.store_files import finished_task, task_without_images
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from octomed.pipeline.blocks.remote_blocks import RemoteBlocks
    from octomed.recipe.schema import Recipe
    from octomed.storage import Mode
    from octomed.store import Store
    from octomed.store_files import TaskRecord


@dataclass(frozen=True)
class WorkingStore:
    """Where blocks are kept; it pickles as these three values.

    Attributes
    ----------
    folder
        The store, or the part of it that is on this machine: what a run works with.
    mode
        Who may read what is written to the folder.
    address
        Where the store is, if not in that folder.
    """

    folder: Path
    mode: Mode = "umask"
    address: str | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> WorkingStore:
        """Return the store of a recipe."""
        path = recipe.work.path
        return cls(store_folder(recipe), recipe.work.mode, None if scheme_of(path) is None else path)

    def __getstate__(self) -> dict[str, object]:
        """Pickle without a client: connections and credentials belong to a process."""
        return {"folder": self.folder, "mode": self.mode, "address": self.address}

    @property
    def place(self) -> str:
        """What messages call it."""
        return self.address or str(self.folder)

    @property
    def local(self) -> LocalStore:
        """The folder."""
        return LocalStore(self.folder, self.mode)

    @cached_property
    def remote(self) -> RemoteBlocks | None:
        """What is at the address, if there is one."""
        if self.address is None:
            return None
        from octomed.pipeline.blocks.remote_blocks import RemoteBlocks  # noqa: PLC0415 as the next
        from octomed.stores.client import open_store  # noqa: PLC0415 where an address is met

        return RemoteBlocks(open_store(self.address), self.local)

    @property
    def states(self) -> Store:
        """Where notes are that runs share: at the address, if there is one."""
        return self.local if self.remote is None else self.remote.store

    @contextlib.contextmanager
    def lock(self, *, exclusive: bool, busy: str) -> Iterator[Held]:
        """Hold the store, the folder and what is at its address.

        Parameters
        ----------
        exclusive, busy
            As of `octomed.store.Store.lock`.
        """
        with contextlib.ExitStack() as locks:
            held: list[_Lock] = [locks.enter_context(self.local.lock(exclusive=exclusive, busy=busy))]
            if self.remote is not None:
                lease = self.remote.store.lock(exclusive=exclusive, busy=busy)
                held.append(aside(partial(locks.enter_context, lease)))
            yield Held(held)

    def finished(self, keys: Sequence[str]) -> dict[str, TaskRecord]:
        """Return what is noted of tasks whose blocks all stand, here or at the address, by their keys."""
        found = {key: record for key in keys if (record := finished_task(self.local, key)) is not None}
        if self.remote is not None:
            there = self.remote.look([key for key in keys if key not in found])
            found |= {key: one.record for key, one in there.items() if one.record is not None}
        return found

    def without_images(self, keys: Sequence[str]) -> dict[str, str]:
        """Return under which key the blocks lie of those tasks that are known to have no image.

        Parameters
        ----------
        keys
            Keys that the tasks have whatever is said of images.
        """
        found = {key: task for key in keys if (task := task_without_images(self.local, key)) is not None}
        left = [key for key in keys if key not in found]
        return found if self.remote is None else found | self.remote.without_images(left)

    def registered(self, output: str) -> str:
        """Return how an output is called in the registry: where others share the store, with its machine."""
        if scheme_of(output) is not None:
            return output
        path = os.path.realpath(output)
        return path if self.address is None else f"file://{socket.gethostname()}{quote(path)}"


class _Lock(Protocol):
    def alone(self) -> bool:
        """Make a shared lock exclusive where nobody else holds it."""

    def share(self) -> None:
        """Make it shared again."""


@dataclass(frozen=True)
class Held:
    """The locks of a store that are held."""

    locks: Sequence[_Lock]

    def alone(self) -> bool:
        """Make shared locks exclusive where nobody else holds them."""
        return all(lock.alone() for lock in self.locks)

    @property
    def notes(self) -> list[str]:
        """What is to be said of how they were taken: a lease of a dead owner was taken over."""
        return [note for lock in self.locks if (note := getattr(lock, "note", None))]

    def share(self) -> None:
        """Make them shared again."""
        for lock in self.locks:
            lock.share()
