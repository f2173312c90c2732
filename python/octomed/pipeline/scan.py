"""SCAN: tasks become blocks of the working store; tasks that stand are not read again."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from octomed import _octomed
from octomed.errors import DamagedBlock, DataError
from octomed.foreign.helper import end_idle
from octomed.pipeline.bad_files import without_bad_files
from octomed.pipeline.executor import results
from octomed.pipeline.files import naming, unchanged
from octomed.pipeline.read import blocks_of
from octomed.pipeline.scanned import Ahead, ScannedTask
from octomed.pipeline.tolerance import Watch
from octomed.storage import FOLDER_MODES, give_mode, make_folder_inside, storage_error, sync_file, sync_folder
from octomed.store_files import BlockHeader, TaskRecord, load_task, write_task
from octomed.strict_json import read_as

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from octomed.pipeline.executor import Executor
    from octomed.pipeline.made_again import MadeAgain
    from octomed.pipeline.plan import Plan, SourcePlan
    from octomed.pipeline.tasks import Task
    from octomed.report.progress import Progress
    from octomed.storage import Mode

_WORKERS_A_READER = 4
"""A reader decodes about as fast as this many workers tokenize."""


def scan(plan: Plan, threads: Executor, progress: Progress, again: MadeAgain) -> list[ScannedTask]:
    """Scan all tasks that do not stand, and return all in source order; tell `again` what did not read.

    Raises
    ------
    DataError
        When a file cannot be read, changes under the run, or has too many unreadable rows, or its source has.
    StorageError
        When the working store cannot be written.
    """
    if again.suspicious:
        _look_at_all(plan, threads, again)
    standing: dict[str, ScannedTask] = {}
    missing: list[tuple[SourcePlan, Task]] = []
    for source, task in plan.tasks():
        found = plan.finished(task)
        if found is None:
            again.task(task, load_task(plan.folder(task)))
            missing.append((source, task))
        else:
            standing[task.key] = ScannedTask(task, found.blocks, found.rows, 0)
            _give_mode(plan.folder(task), plan.recipe.work.mode)
    if missing:
        progress.stage("scan", sum(task.source_bytes for _, task in missing), None)
        for done in _scan_missing(plan, missing, threads, progress, again):
            standing[done.task.key] = done
        _release_memory(plan)
    end_idle()
    scanned = [standing[task.key] for _, task in plan.tasks()]
    return without_bad_files(plan, scanned)


def _give_mode(folder: Path, mode: Mode) -> None:
    """Give a task's files the mode that is asked for now; the folder's own tells whether they have it."""
    before = stat.S_IMODE(folder.stat().st_mode)
    if FOLDER_MODES[mode] not in {None, before}:
        for path in (*folder.iterdir(), folder):
            give_mode(path, mode)


def _look_at_all(plan: Plan, threads: Executor, again: MadeAgain) -> None:
    """Read every byte of the blocks that stand, once one did not read: all that do not go at once."""

    def look(task: Task, name: str) -> tuple[Task, DamagedBlock] | None:
        try:
            _octomed.verify_block(str(plan.folder(task) / f"{name}.index"))
        except DamagedBlock as damaged:
            return task, damaged
        return None

    found = [(task, plan.finished(task)) for _, task in plan.tasks()]
    calls = [
        threads.submit(look, task, header.name)
        for task, record in found
        if record is not None
        for header in record.blocks
    ]
    for seen in results(calls, threads):
        if seen is not None:
            again.block(seen[0], plan.folder(seen[0]), seen[1])


def _release_memory(plan: Plan) -> None:
    """Give back what only a scan needs: the write pass then gets memory that was in use a moment ago."""
    for source in plan.sources:
        source.scanner.release_memory()
    pa.default_memory_pool().release_unused()


def _scan_missing(
    plan: Plan,
    missing: list[tuple[SourcePlan, Task]],
    threads: Executor,
    progress: Progress,
    again: MadeAgain,
) -> list[ScannedTask]:
    """Read tasks one after the other; the last blocks of one are scanned while the next is read."""
    readers = max(1, threads.workers // _WORKERS_A_READER)
    mode = plan.recipe.work.mode

    def read(source: SourcePlan, task: Task) -> _ReadTask:
        folder = make_folder_inside(plan.store, f"blocks/{task.key}", mode)
        return _read_task(
            plan, _BlockScan(source, task, folder, threads.cancel, progress, again, mode), threads
        )

    calls = [partial(read, source, task) for source, task in missing]
    futures = threads.submit_beside(readers, calls)
    return [_finish_task(plan, read, threads) for read in results(futures, threads)]


_Scanned = tuple[list[BlockHeader], bool]
"""Headers of the parts of a block, and whether it was scanned now."""


@dataclass(frozen=True)
class _ReadTask:
    """A task that was read to its end, and its blocks, which workers may still be scanning."""

    task: Task
    folder: Path
    blocks: list[Future[_Scanned]]
    rows: int
    bad: str | None


def _read_task(plan: Plan, scan_block: _BlockScan, threads: Executor) -> _ReadTask:
    source, task = scan_block.source, scan_block.task
    futures: list[Future[_Scanned]] = []
    counted: list[int] = []
    bad = None
    ahead = Ahead()
    watch = Watch(plan, source, task, ahead)
    try:
        blocks = blocks_of(task, source.scanner.mapping, count=counted.append, ahead=ahead)
        for number, block in enumerate(blocks):
            futures.append(threads.submit(scan_block, number, block, memory=block.memory))
            del block  # what is queued is counted, and what the reader still held would not be
            watch.look_at(futures)
    except DataError as error:
        failed = [future.exception() for future in futures if future.done()]
        if source.source.on_bad_file != "skip" or error in failed:
            raise  # what fails in a block is no fault of the file's form: images, say
        bad = error.message
    return _ReadTask(task, scan_block.folder, futures, counted[0] if counted else 0, bad)


def _finish_task(plan: Plan, read: _ReadTask, threads: Executor) -> ScannedTask:
    """Wait for a task's blocks, have them on the disk, and note that it stands, unless its file is bad."""
    done = [threads.wait(block) for block in read.blocks]
    unchanged([read.task.file])
    headers = () if read.bad else tuple(header for parts, _ in done for header in parts)
    if read.bad is None:
        _sync(read.folder, headers)
        write_task(read.folder, TaskRecord(headers, read.rows), plan.recipe.work.mode)
    scanned = sum(len(parts) for parts, is_new in done if is_new)
    return ScannedTask(read.task, headers, read.rows, scanned, read.bad)


def _sync(folder: Path, headers: tuple[BlockHeader, ...]) -> None:
    """Wait for the disk, which began with its work when each block was written."""
    for header in headers:
        sync_file(folder / f"{header.name}.ids")
        sync_file(folder / f"{header.name}.index")
    try:
        sync_folder(folder)
    except OSError as error:
        raise storage_error("write", folder, error) from error


@dataclass(frozen=True)
class _BlockScan:
    """Scans blocks of one task; a block that stands is not scanned again, for a task's cuts never change."""

    source: SourcePlan
    task: Task
    folder: Path
    cancel: _octomed.Cancel
    progress: Progress
    again: MadeAgain
    mode: Mode

    def __call__(self, number: int, block: _octomed.Block) -> _Scanned:
        """Return the headers of the block's parts, and whether it was scanned now."""
        found = self._standing(number)
        stands = found is not None
        if found is None:
            file = self.task.file
            with naming(file):
                found = self.source.scanner.scan(
                    block, file.source, file.relative, number, str(self.folder), self.cancel, self.mode
                )
        headers = [read_as(BlockHeader, header) for header in found]
        for header in headers:
            rejects = header.rows_unreadable + header.rows_without_trace + header.traces_rejected
            self.progress.advance(
                rows=header.rows, bytes=header.source_bytes, tokens=header.tokens, rejects=rejects
            )
        return headers, not stands

    def _standing(self, number: int) -> list[Any] | None:
        """Return the headers of a block that stands: a part that does not read is removed."""
        try:
            return _octomed.read_parts(str(self.folder / str(number)), every_byte=self.again.suspicious)
        except DamagedBlock as damaged:
            self.again.block(self.task, self.folder, damaged)
            return None
