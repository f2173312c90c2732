"""`octomed clean`, and runs that keep nothing: what no output uses leaves the working store."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from octomed.leftovers import clear_store
from octomed.pipeline.blocks.purging import tasks_to_purge
from octomed.pipeline.blocks.registry import InUse, in_use
from octomed.pipeline.blocks.stored_tasks import remove, stored_tasks
from octomed.pipeline.calls.image_files import FETCHED
from octomed.storage import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from octomed.pipeline.blocks.purging import Excluded
    from octomed.pipeline.blocks.stored_tasks import StoredTask
    from octomed.pipeline.blocks.working_store import WorkingStore


@dataclass(frozen=True)
class Cleaned:
    """What `clean` removed, or would remove.

    Attributes
    ----------
    tasks
        Keys of the tasks whose blocks go.
    bytes
        Their size.
    kept
        Tasks that stay.
    kept_bytes
        Their size.
    purged
        How many of those that go hold what is excluded.
    notes
        What is worth knowing besides.
    """

    tasks: tuple[str, ...]
    bytes: int
    kept: int
    kept_bytes: int = 0
    purged: int = 0
    notes: tuple[str, ...] = ()


def unheard(_: Cleaned) -> None:
    """Hear what will be removed, and say nothing."""


def clean(
    working: WorkingStore,
    *,
    everything: bool = False,
    excluded: Excluded | None = None,
    dry_run: bool = False,
    told: Callable[[Cleaned], None] = unheard,
) -> Cleaned:
    """Remove blocks that no existing output's manifest uses, and half-written files.

    Parameters
    ----------
    working
        The working store.
    everything
        Remove blocks in use as well: the next run scans everything again.
    excluded
        Remove blocks in use as well that hold what is excluded.
    dry_run
        Only count.
    told
        Hears what will be removed, before anything is.

    Raises
    ------
    RecipeError
        When a run is using the store.
    StorageError
        When a note of an output is damaged: what it uses is not known. When something cannot be removed.
    """
    if working.address is None and not working.folder.is_dir():
        return Cleaned((), 0, 0)
    make_folder(working.folder, working.mode)
    with working.lock(exclusive=True, busy=f"a run is using `{working.place}`") as held:
        used = InUse(frozenset()) if everything else in_use(working.states)
        purged = set() if excluded is None else set(tasks_to_purge(working, excluded))
        going = _Going.of(working, used.tasks - purged, excluded, keeps_images=bool(used.tasks))
        cleaned = replace(going.cleaned, purged=len(purged), notes=(*held.notes, *used.notes))
        told(cleaned)
        if not dry_run:
            for name in used.gone:
                working.states.delete(name)
            going.remove(working)
            clear_store(working.folder)
        return cleaned


@dataclass(frozen=True)
class _Going:
    """What leaves a store, and what stays."""

    tasks: list[StoredTask]
    images: list[Path]
    kept: list[StoredTask]

    @classmethod
    def of(
        cls, working: WorkingStore, used: Collection[str], excluded: Excluded | None, *, keeps_images: bool
    ) -> _Going:
        tasks = stored_tasks(working).values()
        kept = [task for task in tasks if task.key in used]
        images = [] if excluded is None else excluded.images_in(working.folder)
        if not keeps_images:  # no output is left that another setting would be tried on
            images = [path for path in (working.folder / FETCHED).rglob("*") if path.is_file()]
        return cls([task for task in tasks if task.key not in used], images, kept)

    @property
    def cleaned(self) -> Cleaned:
        size = sum(task.bytes for task in self.tasks) + sum(path.stat().st_size for path in self.images)
        keys = tuple(task.key for task in self.tasks)
        return Cleaned(keys, size, len(self.kept), sum(task.bytes for task in self.kept))

    def remove(self, working: WorkingStore) -> None:
        remove(working, self.tasks)
        for path in self.images:
            working.local.delete(str(path.relative_to(working.folder)))
        fetched = working.folder / FETCHED
        for folder in (*sorted(fetched.rglob("*"), reverse=True), fetched):
            with contextlib.suppress(OSError):  # of a folder that holds others
                folder.rmdir()
