"""What could not be read and was made again: a run says so, and continues."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import DamagedBlock, StorageError
from octomed.names import shown
from octomed.state import Damaged, NotThere
from octomed.storage import storage_error

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from octomed.pipeline.inputs.tasks import Task
    from octomed.store_files import TaskRecord

_NAMES_SHOWN = 3
_BLOCKS_SHOWN = 8


@dataclass(frozen=True)
class RemovedBlock:
    """A block that could not be read: its name in its task's folder, and what is wrong with it."""

    name: str
    what: str


@dataclass
class MadeAgain:
    """Blocks and files of a run that could not be read.

    Attributes
    ----------
    said
        What to say of tasks and files.
    blocks
        What to say of blocks.
    suspicious
        Whether a block that was believed to be finished could not be read: then every byte of the others is
        checked.
    """

    said: list[str] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    suspicious: bool = False
    _removed: set[tuple[str, str]] = field(default_factory=set)

    @property
    def notes(self) -> list[str]:
        """What to say: of many blocks, the first few."""
        more = len(self.blocks) - _BLOCKS_SHOWN
        rest = [f"{more} more blocks could not be read and were made again"] if more > 0 else []
        return [*self.said, *self.blocks[:_BLOCKS_SHOWN], *rest]

    def made_again(self, task: Task) -> frozenset[str]:
        """Return the names of a task's blocks that this run has removed."""
        return frozenset(name for key, name in self._removed if key == task.key)

    def block(self, task: Task, removed: RemovedBlock) -> None:
        """Note a block that was removed."""
        self._removed.add((task.key, removed.name))
        self.blocks.append(
            f"block {removed.name} of {shown(task.place)} could not be read ({removed.what}) "
            "and was made again"
        )

    def task(self, task: Task, record: TaskRecord | NotThere | Damaged) -> None:
        """Say that a task's record or its blocks are not what they were; each block is looked at."""
        if isinstance(record, NotThere):
            return
        note = f"the working store has lost blocks of {shown(task.place)}: made again"
        note = record.note() if isinstance(record, Damaged) else note
        if note not in self.said:
            self.said.append(note)

    def state(self, record: object) -> None:
        """Say that a state file is damaged, if that is what was found of it."""
        if isinstance(record, Damaged):
            self.said.append(record.note())

    def files(self, names: list[str], *, damaged: str | None) -> None:
        """Say that the manifest does not read, or which finished files are not what it says of them."""
        if damaged is not None:
            self.said.append(damaged)
        if names:
            more = f", and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
            listed = ", ".join(f"`{shown(name)}`" for name in sorted(names)[:_NAMES_SHOWN])
            self.said.append(f"missing or of another size, and made again: {listed}{more}")


def remove_block(folder: Path, damaged: DamagedBlock, made_again: Container[str]) -> RemovedBlock:
    """Remove a block that could not be read, so that it is scanned again.

    Parameters
    ----------
    folder
        Its task's folder in the working store.
    damaged
        What reading it met.
    made_again
        Blocks of the task that this run has removed before.

    Raises
    ------
    StorageError
        When the block is one of those: the disk does not keep what it is given.
    """
    stem = folder / Path(damaged.path).stem
    if stem.name in made_again:
        raise StorageError(
            f"{damaged.message}; this run made the block again, and it cannot be read again",
            "the disk does not keep what is written to it: check it, or choose another `work.path`",
        ) from damaged
    # The task first: while it counts as finished, its blocks are believed.
    _remove(folder / "task.json")
    for kind in (
        ".index",
        ".ids",
        ".images",
        ".image_files",
        ".measures",
        ".bands",
        ".questions",
        ".dhashes",
    ):
        _remove(stem.with_suffix(kind))
    return RemovedBlock(stem.name, damaged.message.rpartition(" is damaged: ")[2])


def find_task(tasks: Iterable[Task], store: Path, damaged: DamagedBlock) -> Task | None:
    """Return the task of a block that could not be read."""
    folder = Path(damaged.path).parent
    return next((task for task in tasks if task.folder(store) == folder), None)


def _remove(path: Path) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    except OSError as error:
        raise storage_error("delete", path, error) from error
