"""A task whose blocks are in the working store, and what its source tolerates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from octomed.filter_record import FilterCost
    from octomed.pipeline.inputs.tasks import Task
    from octomed.store_files import BlockHeader


@dataclass(frozen=True)
class Tolerance:
    """What a source says of what cannot be read.

    Attributes
    ----------
    skips_files
        Whether a file that cannot be read is left out (``on_bad_file: skip``) instead of ending the run.
    unreadable
        Share of unreadable rows that is tolerated (``max_unreadable``).
    """

    skips_files: bool
    unreadable: float


@dataclass(frozen=True)
class ScannedTask:
    """A finished task.

    Attributes
    ----------
    task
        The task.
    headers
        What each block says of itself, in order.
    rows
        Rows read, blank lines counted: what the row numbers of the file's next task start from.
    blocks_scanned
        Blocks that this run scanned; the others stood.
    bad
        Why the file is left out, when its source skips such files.
    filters
        What filters of the user's own did in the blocks that were scanned, by name.
    """

    task: Task
    headers: tuple[BlockHeader, ...]
    rows: int
    blocks_scanned: int
    bad: str | None = None
    filters: dict[str, FilterCost] = field(default_factory=dict)


@dataclass
class Ahead:
    """What a reader knows of the rows of its file.

    Attributes
    ----------
    most_rows
        Rows that the file has at most, those that were read included; ``None`` where nothing tells.
    rows_read
        Rows of the task, blank lines counted, once it is read: row numbers of the next go on there.
    """

    most_rows: int | None = None
    rows_read: int = 0
