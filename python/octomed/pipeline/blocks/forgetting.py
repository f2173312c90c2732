"""What becomes of the blocks of a run that keeps none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.names import shown
from octomed.pipeline.blocks.registry import entry_of, in_use
from octomed.pipeline.blocks.stored_tasks import remove, stored_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.pipeline.blocks.working_store import Held, WorkingStore


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
