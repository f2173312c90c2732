"""SCAN: tasks become blocks of the working store; tasks that stand are not read again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from octomed import _octomed
from octomed.errors import DataError
from octomed.foreign import end_idle
from octomed.pipeline.bad_files import without_bad_files
from octomed.pipeline.executor import results
from octomed.pipeline.files import naming
from octomed.pipeline.read import blocks_of
from octomed.pipeline.scanned import ScannedTask
from octomed.pipeline.storage import make_folder, write_json
from octomed.pipeline.tasks import Task, unchanged

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from octomed.pipeline.executor import Executor
    from octomed.pipeline.plan import Plan, SourcePlan
    from octomed.report.progress import Progress

_WORKERS_A_READER = 4
"""A reader decodes about as fast as this many workers tokenize."""


def scan(plan: Plan, threads: Executor, progress: Progress) -> list[ScannedTask]:
    """Scan all tasks that do not stand, and return all tasks in source order.

    Raises
    ------
    DataError
        When a file cannot be read, changes under the run, or has too many unreadable rows, or its source has.
    StorageError
        When the working store cannot be written.
    """
    standing: dict[str, ScannedTask] = {}
    missing: list[tuple[SourcePlan, Task]] = []
    for source, task in plan.tasks():
        found = plan.finished(task)
        if found is None:
            missing.append((source, task))
        else:
            standing[task.key] = ScannedTask(task, tuple(found["blocks"]), found["rows"], 0, found["bad"])
    if missing:
        progress.stage("scan", sum(task.source_bytes for _, task in missing), None)
        for done in _scan_missing(plan, missing, threads, progress):
            standing[done.task.key] = done
        _release_memory(plan)
    end_idle()
    scanned = [standing[task.key] for _, task in plan.tasks()]
    return without_bad_files(plan, scanned)


def _release_memory(plan: Plan) -> None:
    """Give back what only a scan needs: the write pass then gets memory that was in use a moment ago."""
    for source in plan.sources:
        source.scanner.release_memory()
    pa.default_memory_pool().release_unused()


def _scan_missing(
    plan: Plan, missing: list[tuple[SourcePlan, Task]], threads: Executor, progress: Progress
) -> list[ScannedTask]:
    """Read tasks one after the other; the last blocks of one are scanned while the next is read."""
    readers = max(1, threads.workers // _WORKERS_A_READER)
    calls = [partial(_read_task, plan, source, task, threads, progress) for source, task in missing]
    futures = threads.submit_beside(readers, calls)
    return [_finish_task(read, threads) for read in results(futures, threads)]


@dataclass(frozen=True)
class _ReadTask:
    """A task that was read to its end, and its blocks, which workers may still be scanning."""

    task: Task
    folder: Path
    blocks: list[Future[tuple[dict[str, Any], bool]]]
    rows: int
    bad: str | None


def _read_task(
    plan: Plan, source: SourcePlan, task: Task, threads: Executor, progress: Progress
) -> _ReadTask:
    scan_block = _BlockScan(source, task, plan.folder(task), threads.cancel, progress)
    make_folder(scan_block.folder)
    futures: list[Future[tuple[dict[str, Any], bool]]] = []
    counted: list[int] = []
    bad = None
    try:
        blocks = blocks_of(task, source.scanner.mapping, count=counted.append)
        for number, block in enumerate(blocks):
            futures.append(threads.submit(scan_block, number, block))
            _raise_failures(futures)
    except DataError as error:
        failed = [future.exception() for future in futures if future.done()]
        if source.source.on_bad_file != "skip" or error in failed:
            raise  # what fails in a block is no fault of the file's form: images, say
        bad = error.message
    return _ReadTask(task, scan_block.folder, futures, counted[0] if counted else 0, bad)


def _finish_task(read: _ReadTask, threads: Executor) -> ScannedTask:
    """Wait for a task's blocks, and note that it stands."""
    done = [threads.wait(block) for block in read.blocks]
    unchanged([read.task.file])
    headers = [] if read.bad else [header for header, _ in done]
    write_json(read.folder / "task.json", {"blocks": headers, "rows": read.rows, "bad": read.bad})
    return ScannedTask(read.task, tuple(headers), read.rows, sum(scanned for _, scanned in done), read.bad)


def _raise_failures(futures: list[Future[tuple[dict[str, Any], bool]]]) -> None:
    """End the reading when a block failed, instead of reading a large file to its end first."""
    for future in futures:
        if future.done():
            future.result()


@dataclass(frozen=True)
class _BlockScan:
    """Scans blocks of one task; a block that stands is not scanned again, for a task's cuts never change."""

    source: SourcePlan
    task: Task
    folder: Path
    cancel: _octomed.Cancel
    progress: Progress

    def __call__(self, number: int, block: _octomed.Block) -> tuple[dict[str, Any], bool]:
        """Return the block's header, and whether it was scanned now."""
        index = self.folder / f"{number}.index"
        stands = index.exists()
        if stands:
            header = _octomed.read_header(str(index))
        else:
            file = self.task.file
            with naming(file):
                header = self.source.scanner.scan(
                    block, file.source, file.relative, number, str(self.folder), self.cancel
                )
        rejects = header["rows_unreadable"] + header["rows_without_trace"] + header["traces_rejected"]
        self.progress.advance(
            rows=header["rows"], bytes=header["source_bytes"], tokens=header["tokens"], rejects=rejects
        )
        return header, not stands
