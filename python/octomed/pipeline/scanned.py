"""A task that was scanned: what the scan hands to selection, and to what looks for bad files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from octomed.pipeline.tasks import Task
    from octomed.store_files import BlockHeader


@dataclass(frozen=True)
class ScannedTask:
    """A task whose blocks stand.

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
    """

    task: Task
    headers: tuple[BlockHeader, ...]
    rows: int
    blocks_scanned: int
    bad: str | None = None


@dataclass
class Ahead:
    """What a reader knows of the rows of its file.

    Attributes
    ----------
    most_rows
        Rows that the file has at most, those that were read included; ``None`` where nothing tells.
    """

    most_rows: int | None = None
