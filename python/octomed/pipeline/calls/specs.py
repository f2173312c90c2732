"""Work as plain values that pickle: what a call needs to know, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from octomed.store import LocalStore

if TYPE_CHECKING:
    from octomed import _octomed
    from octomed.pipeline.calls.made_again import RemovedBlock
    from octomed.pipeline.calls.scanners import ScannerSpec
    from octomed.pipeline.inputs.scanned import ScannedTask, Tolerance
    from octomed.pipeline.inputs.tasks import Task
    from octomed.pipeline.output.manifest_file import FileRecord, ShardRecord
    from octomed.storage import Mode


@dataclass(frozen=True)
class TaskSpec:
    """A task to scan.

    Attributes
    ----------
    task
        What to read.
    scanner
        What makes traces of its rows.
    tolerance
        What the source says of files and rows that cannot be read.
    store
        The working store.
    mode
        Who may read what is written to it.
    workers
        Threads of a process that scans the task for itself alone.
    every_byte
        Whether blocks that are there are read whole before they are believed.
    made_again
        Names of its blocks that this run has removed before: those are not removed a second time.
    reach
        How stores are reached, and where local copies lie, for a task of an object in one; never a secret.
    """

    task: Task
    scanner: ScannerSpec
    tolerance: Tolerance
    store: Path
    mode: Mode
    workers: int = 1
    every_byte: bool = False
    made_again: frozenset[str] = field(default_factory=frozenset)
    reach: tuple[Any, Path | None] | None = None

    @property
    def local(self) -> LocalStore:
        """The folder of the working store."""
        return LocalStore(self.store, self.mode)

    @property
    def folder(self) -> Path:
        """Folder of the task's blocks."""
        return self.task.folder(self.store)


@dataclass(frozen=True)
class TaskResult:
    """A task that was scanned, and the blocks that were removed before, because they could not be read."""

    scanned: ScannedTask
    removed: tuple[RemovedBlock, ...] = ()


@dataclass(frozen=True)
class BlockScanned:
    """Told of each block of a task as soon as it is done: its name in the task, and what it has."""

    name: str
    rows: int
    bytes: int
    tokens: int
    rejects: int


class Evaluation(Protocol):
    """Evaluation sets that a call can read where it runs."""

    def read(self, workers: int) -> _octomed.EvaluationSets:
        """Return their questions and pictures."""


@dataclass(frozen=True)
class LayoutSpec:
    """What a layout follows from.

    Attributes
    ----------
    key
        Content key of all that decides the layout.
    blocks
        Paths of the blocks in source order, without extension, each with its task's first row number.
    settings
        The recipe's sections `curate`, `pack` and `output`, the path left out.
    scanner
        A scanner of the blocks, where rules compare texts: its tokenizer reads them.
    evaluation
        The evaluation sets that questions are compared with, if there are any.
    """

    key: str
    blocks: tuple[tuple[str, int], ...] = field(repr=False)
    settings: dict[str, Any]
    scanner: ScannerSpec | None = None
    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class RangeSpec:
    """What to write of a range.

    Attributes
    ----------
    layout
        The layout that the range is one of.
    number
        Its number.
    shards
        Stream and number of the shards to write, the largest first.
    streams
        Streams whose provenance is written.
    folder
        The output folder.
    workers
        Threads of a process that writes the range for itself alone.
    """

    layout: LayoutSpec
    number: int
    shards: tuple[tuple[str, int], ...]
    streams: tuple[str, ...]
    folder: Path
    workers: int = 1


@dataclass(frozen=True)
class ShardWritten:
    """Told of each shard of a range as soon as it is on the disk: its path below the output folder."""

    name: str
    record: ShardRecord


@dataclass(frozen=True)
class RangeResult:
    """A range that was written: its shards and its tables, by path below the output folder."""

    shards: dict[str, ShardRecord]
    tables: dict[str, FileRecord]
