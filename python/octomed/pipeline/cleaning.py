"""What leaves a working store: what no output uses, and where there is a limit, what was used longest ago."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.leftovers import clear_store
from octomed.names import shown
from octomed.pipeline.image_files import FETCHED
from octomed.pipeline.registry import InUse, entry_of, in_use
from octomed.report.units import bytes_of
from octomed.state import there
from octomed.storage import make_folder, storage_error
from octomed.store_files import TASK_FILE, Usage, load_usage, task_folder, write_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from octomed.pipeline.working_store import Held, WorkingStore


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
    notes
        What is worth knowing of those.
    """

    tasks: tuple[str, ...]
    bytes: int
    kept: int
    kept_bytes: int = 0
    notes: tuple[str, ...] = ()


def unheard(_: Cleaned) -> None:
    """Hear what will be removed, and say nothing."""


def clean(
    working: WorkingStore,
    *,
    everything: bool = False,
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
    with working.lock(exclusive=True, busy=f"a run is using `{working.place}`"):
        used = InUse(frozenset()) if everything else in_use(working.states)
        tasks = stored_tasks(working)
        unused = [task for key, task in tasks.items() if key not in used.tasks]
        fetched = _fetched(working) if not used.tasks else []  # none is left that would be tried otherwise
        kept = [task for key, task in tasks.items() if key in used.tasks]
        size = sum(task.bytes for task in unused) + sum(path.stat().st_size for path in fetched)
        cleaned = Cleaned(
            tuple(task.key for task in unused), size, len(kept), sum(task.bytes for task in kept), used.notes
        )
        told(cleaned)
        if not dry_run:
            for name in used.gone:
                working.states.delete(name)
            remove(working, unused)
            if fetched:
                _remove_folder(working.folder / FETCHED)
            clear_store(working.folder)
        return cleaned


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
            _remove_folder(working.folder / task_folder(task.key))


def forget_run(working: WorkingStore, output: str, tasks: Iterable[str], held: Held) -> str | None:
    """Delete the blocks of a run that keeps none, and its note; but nothing that another run needs.

    Parameters
    ----------
    working
        The working store.
    output
        The run's output, as it is registered.
    tasks
        Keys of its tasks.
    held
        The run's lock on the store: shared, and no longer needed.

    Returns
    -------
    str or None
        What to say where blocks were left.
    """
    working.states.delete(entry_of(output))
    place = shown(working.place)
    if not held.alone():
        return f"another run is using `{place}`: the blocks were kept, and `octomed clean` removes them"
    mine = set(tasks)
    try:
        theirs = mine & in_use(working.states).tasks
    except StorageError as error:
        return f"the run's blocks in `{place}` were kept: {error.message}"
    stored = stored_tasks(working)
    remove(working, [stored[key] for key in sorted(mine - theirs) if key in stored])
    if theirs:
        return (
            f"other outputs use the blocks of {len(theirs)} of the run's tasks in `{place}`: these were kept"
        )
    return None


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


def make_room(
    working: WorkingStore, keys: Iterable[str], most: int, held: Held, *, more: int = 0
) -> list[str]:
    """Remove the blocks that were not used for longest until the store is as small as it is to be.

    Parameters
    ----------
    working
        The working store: its address and its folder are each as small as that.
    keys
        Tasks of the present run: none of them is removed.
    most
        Bytes that may stay.
    held
        The run's lock on the store.
    more
        Bytes that the run is going to add.

    Returns
    -------
    list of str
        What to say of it.
    """
    mine, tasks = set(keys), stored_tasks(working)
    here = {key: task.here for key, task in tasks.items()}
    there_ = {key: sum(task.there.values()) for key, task in tasks.items()}
    places = [(working.address, there_)] if working.address else []
    going: dict[str, set[str]] = {}
    notes = []
    for place, sizes in [*places, (str(working.folder), here)]:
        going[place or ""], left = _least_used(tasks, sizes, mine, most - more)
        if left > most and not more:
            size = f"{bytes_of(left)} in `{shown(place or '')}`, more than `work.max_size`"
            notes.append(f"the blocks of this run take {size}")
    if not any(going.values()):
        return notes
    if not held.alone():
        return [*notes, f"another run is using `{shown(working.place)}`: no blocks were removed from it"]
    for place, gone in going.items():
        of_address = place == working.address
        chosen = [tasks[key] for key in sorted(gone)]
        remove(
            working,
            [
                StoredTask(one.key, 0, one.there) if of_address else StoredTask(one.key, one.here)
                for one in chosen
            ],
        )
    return notes


def _least_used(
    tasks: Mapping[str, StoredTask], sizes: Mapping[str, int], mine: set[str], most: int
) -> tuple[set[str], int]:
    """Return which tasks go, and how many bytes are left."""
    left = sum(sizes.values())
    gone: set[str] = set()
    for key in sorted(sizes, key=lambda key: (tasks[key].used, key)):
        if left <= most:
            break
        if key not in mine and sizes[key]:
            gone.add(key)
            left -= sizes[key]
    return gone, left


def _folders(path: Path) -> list[Path]:
    return [one for one in path.iterdir() if one.is_dir()] if path.is_dir() else []


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _used(folder: Path) -> float:
    """Return when a task was used last: its note has the time, else when something was made in its folder."""
    note = folder / TASK_FILE
    return (note if note.exists() else folder).stat().st_mtime


def _fetched(working: WorkingStore) -> list[Path]:
    folder = working.folder / FETCHED
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def _remove_folder(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise storage_error("delete", path, error) from error
