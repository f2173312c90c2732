"""A working store that is to be small: what was used longest ago leaves it, and nothing of this run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed.names import shown
from octomed.pipeline.blocks.stored_tasks import remove, stored_tasks
from octomed.report.units import bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from octomed.pipeline.blocks.stored_tasks import StoredTask
    from octomed.pipeline.blocks.working_store import Held, WorkingStore


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
        for key in sorted(gone):
            one = tasks[key]
            remove(working, [replace(one, here=0) if of_address else replace(one, there={})])
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
