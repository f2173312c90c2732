"""The work of a run as calls of plain values: a task scanned, a range written.

What a call needs is in its specification, and what it did in its result. Both pickle, so that it may run in
another process, or on another machine that sees the same folders. Locks, the manifest and progress stay with
the caller. Inside a call, parts of the work go to threads: a reader cuts blocks while workers scan them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import ChangedInput, DamagedBlock, DataError
from octomed.pipeline.calls.fetched_images import fetch_for, fetches, is_incomplete, settle
from octomed.pipeline.calls.filtering import EXTRA_MEMORY, TaskFilters
from octomed.pipeline.calls.image_files import refuse_changed
from octomed.pipeline.calls.layouts import layout_named
from octomed.pipeline.calls.made_again import RemovedBlock, remove_block
from octomed.pipeline.calls.prefetch import fetched_ahead, has_been_read, ready_to_read
from octomed.pipeline.calls.scanners import scanner_of
from octomed.pipeline.calls.specs import BlockScanned, RangeResult, ShardWritten, TaskResult
from octomed.pipeline.calls.thresholds import stands
from octomed.pipeline.inputs.files import file_errors, unchanged
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.scanned import Ahead, ScannedTask
from octomed.pipeline.inputs.tolerance import Watch
from octomed.pipeline.output.manifest_file import FileRecord, ShardRecord
from octomed.pipeline.output.tables import provenance_name, write_parquet
from octomed.pipeline.threads.executor import executor, raise_failures, results
from octomed.pipeline.threads.executor_protocol import Here
from octomed.storage import make_folder_inside, storage_error, sync_file, sync_folder
from octomed.store import LocalStore
from octomed.store_files import BlockHeader, TaskRecord, write_task, write_task_without_images

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from octomed.pipeline.calls.specs import RangeSpec, TaskSpec


def scan_task(spec: TaskSpec, here: Here | None = None) -> TaskResult:
    """Scan a task into blocks of the working store; those that are there already are not scanned again.

    Parameters
    ----------
    spec
        What to scan.
    here
        Threads to share where the call runs concurrently with others; by default it has its own.

    Raises
    ------
    DataError
        When the file cannot be read, changes meanwhile, or has too many unreadable rows.
    StorageError
        When the working store cannot be written.
    """
    ready_to_read(spec)
    if here is not None:
        return _TaskScan.of(spec, here).run()
    with executor(spec.workers) as threads, fetched_ahead([spec]):
        return _TaskScan.of(spec, Here(threads)).run()


_Scanned = tuple[list[BlockHeader], bool]
"""Headers of the parts of a block, and whether it was scanned now."""


@dataclass(frozen=True)
class _TaskScan:
    """Reads a task and has its blocks scanned."""

    spec: TaskSpec
    here: Here
    scanner: _octomed.Scanner
    filters: TaskFilters
    removed: list[RemovedBlock] = field(default_factory=list)

    @classmethod
    def of(cls, spec: TaskSpec, here: Here) -> _TaskScan:
        """Return the scan of a task that is to run here."""
        return cls(spec, here, scanner_of(spec.scanner), TaskFilters(spec))

    def run(self) -> TaskResult:
        make_folder_inside(self.spec.store, f"blocks/{self.spec.task.key}", self.spec.mode)
        blocks: list[Future[_Scanned]] = []
        bad, rows = None, 0
        # Let go when all is read: the next task is read while workers finish this one.
        with self.here.reading:
            self.here.threads.check()
            try:
                rows = self._read(blocks)
            except ChangedInput:
                raise
            except DataError as error:
                failed = [block.exception() for block in blocks if block.done()]
                if not self.spec.tolerance.skips_files or error in failed:
                    raise  # what fails in a block is no fault of the file's form: images, say
                bad = error.message
            finally:
                has_been_read(self.spec.task)
        done = [self.here.threads.wait(block) for block in blocks]
        return TaskResult(self._finished(done, rows, bad), tuple(self.removed))

    def _read(self, scanned: list[Future[_Scanned]]) -> int:
        """Cut the task into blocks and queue each; return the rows read."""
        spec = self.spec
        ahead = Ahead()
        watch = Watch(spec.task, spec.tolerance, spec.store, ahead)
        blocks = blocks_of(spec.task, self.scanner.mapping, ahead=ahead)
        extra = EXTRA_MEMORY if spec.scanner.filters else 0
        for number, block in enumerate(blocks):
            scanned.append(self.here.threads.submit(self._scan, number, block, memory=block.memory + extra))
            del block  # what is queued is counted, and what the reader still held would not be
            watch.look_at(scanned)
        return ahead.rows_read

    def _scan(self, number: int, block: _octomed.Block) -> _Scanned:
        """Scan a block, unless it is there: a task's cuts never change."""
        found = self._there(number)
        is_new = found is None
        if found is None:
            file = self.spec.task.file
            fetched = fetches(self.spec) and fetch_for(
                self.spec, self.scanner, block, number, self.here.threads.check
            )
            filtered = self.filters.of_block(self.scanner, block, self.here.threads.cancel)
            with file_errors(file):
                found = self.scanner.scan(
                    block,
                    file.source,
                    file.relative,
                    number,
                    str(self.spec.folder),
                    self.here.threads.cancel,
                    self.spec.mode,
                    self.here.threads.workers,
                    filtered,
                )
            if fetched:
                settle(self.spec, number)
        for header in found:
            rejects = header.rows_unreadable + header.rows_without_trace + header.traces_rejected
            amounts = (header.rows, header.source_bytes, header.tokens, rejects)
            self.here.told(BlockScanned(header.name, *amounts))
        return found, is_new

    def _there(self, number: int) -> list[BlockHeader] | None:
        """Return the headers of a block that is there: a part that does not read is removed."""
        if is_incomplete(self.spec, number):
            return None
        try:
            stem = str(self.spec.folder / str(number))
            found = _octomed.read_parts(stem, every_byte=self.spec.every_byte)
            return found if found is not None and stands(found, self.spec.scanner) else None
        except DamagedBlock as damaged:
            self.removed.append(remove_block(self.spec.folder, damaged, self.spec.made_again))
            return None

    def _finished(self, done: list[_Scanned], rows: int, bad: str | None) -> ScannedTask:
        """Have the blocks on the disk, and note that the task is finished, unless its file is bad."""
        spec = self.spec
        unchanged([spec.task.file])
        headers = () if bad else tuple(header for parts, _ in done for header in parts)
        if bad is None:
            refuse_changed(spec, (spec.folder / header.name for header in headers))
            _sync(spec.folder, headers)
            write_task(spec.local, spec.task.key, TaskRecord(headers, rows))
            self._note_images(headers)
        scanned = sum(len(parts) for parts, is_new in done if is_new)
        return ScannedTask(spec.task, headers, rows, scanned, bad, self.filters.costs)

    def _note_images(self, headers: tuple[BlockHeader, ...]) -> None:
        """Note of a task that may have images that no row has any: its blocks serve other settings, too."""
        spec = self.spec
        without = spec.task.without_images
        if without is not None and not any(header.may_have_images for header in headers):
            write_task_without_images(spec.local, without, spec.task.key)


def _sync(folder: Path, headers: tuple[BlockHeader, ...]) -> None:
    """Wait for the disk, which began with its work when each block was written."""
    for header in headers:
        for name in header.files:
            sync_file(folder / name)
    try:
        sync_folder(folder)
    except OSError as error:
        raise storage_error("write", folder, error) from error


def write_range(spec: RangeSpec, here: Here | None = None) -> RangeResult:
    """Write shards of a range and its tables of provenance, under temporary names first.

    Parameters
    ----------
    spec
        What to write.
    here
        Threads to share where the call runs concurrently with others; by default it has its own.

    Raises
    ------
    DamagedBlock
        When a block of the working store cannot be read.
    StorageError
        When the output cannot be written.
    """
    if here is not None:
        return _RangeWrite.opened(spec, here).run()
    with executor(spec.workers) as threads:
        return _RangeWrite.opened(spec, Here(threads)).run()


@dataclass(frozen=True)
class _RangeWrite:
    """Writes what an open range adds to the output."""

    spec: RangeSpec
    here: Here
    range: _octomed.Range
    shards: dict[str, ShardRecord] = field(default_factory=dict)
    tables: dict[str, FileRecord] = field(default_factory=dict)

    @classmethod
    def opened(cls, spec: RangeSpec, here: Here) -> _RangeWrite:
        """Open the range: it is read ahead, while workers write the one before it."""
        layout = layout_named(spec.layout, here.threads, scanner_of)
        with here.reading:
            here.threads.check()
            return cls(spec, here, layout.open_range(spec.number, here.threads.cancel))

    def run(self) -> RangeResult:
        futures: list[Future[None]] = []
        unseen: list[Future[None]] = []
        with self.here.queueing:  # one range after the other: its blocks then leave the page cache first
            for call, *arguments in self._calls():
                futures.append(self.here.threads.submit(call, *arguments))
                unseen.append(futures[-1])
                raise_failures(unseen)  # a failure ends the run now, not after a range of failures
        for _ in results(futures, self.here.threads):
            pass
        self.here.threads.check()
        return RangeResult(self.shards, self.tables)

    def _calls(self) -> Iterable[tuple[Any, ...]]:
        yield from ((self._shard, stream, shard) for stream, shard in self.spec.shards)
        yield from ((self._provenance, stream) for stream in self.spec.streams)

    def _shard(self, stream: str, shard: int) -> None:
        folder = str(self.spec.folder / stream)
        record = ShardRecord(*self.range.write_shard(stream, shard, folder, self.here.threads.cancel))
        name = f"{stream}/{record.info.file.basename}"
        self.shards[name] = record
        self.here.told(ShardWritten(name, record))

    def _provenance(self, stream: str) -> None:
        name = provenance_name(stream, self.spec.number)
        store = LocalStore(self.spec.folder, self.spec.layout.settings["output"]["mode"])
        write_parquet(store, name, self.range.provenance(stream))
        self.tables[name] = FileRecord(*_octomed.file_digest(str(store.folder / name)))
