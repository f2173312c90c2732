"""SCAN: tasks become blocks of the working store; finished tasks are not read again."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed import _octomed
from octomed.errors import DamagedBlock, DataError
from octomed.foreign.helper import end_idle
from octomed.pipeline.calls.fetched_images import lacks_images
from octomed.pipeline.calls.image_files import forget_stale
from octomed.pipeline.calls.made_again import remove_block
from octomed.pipeline.calls.prefetch import fetched_ahead
from octomed.pipeline.calls.scanners import scanners
from octomed.pipeline.calls.thresholds import refuse_without_gold, scanned_again, stands
from octomed.pipeline.calls.work import scan_task
from octomed.pipeline.inputs.bad_files import without_bad_files
from octomed.pipeline.inputs.scanned import ScannedTask
from octomed.pipeline.threads.executor import results
from octomed.storage import FOLDER_MODES, give_mode
from octomed.store_files import finished_task, forget_task, load_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from octomed.pipeline.blocks.shared_blocks import Blocks
    from octomed.pipeline.calls.made_again import MadeAgain
    from octomed.pipeline.calls.specs import BlockScanned, TaskSpec
    from octomed.pipeline.threads.executor import Threads
    from octomed.report.progress import Progress
    from octomed.storage import Mode
    from octomed.store_files import TaskRecord

_WORKERS_PER_READER = 4
"""A reader decodes about as fast as this many workers tokenize."""


def scan(  # noqa: PLR0913 the last two are told what becomes of blocks
    specs: Sequence[TaskSpec],
    made: Mapping[str, _octomed.Scanner],
    threads: Threads,
    progress: Progress,
    *,
    again: MadeAgain,
    blocks: Blocks,
) -> list[ScannedTask]:
    """Scan all unfinished tasks, and return all in source order; tell `again` what could not be read.

    Parameters
    ----------
    specs
        The tasks of the run, in source order.
    made
        Scanners that are made already, by their keys.
    threads, progress, again
        Of the run.
    blocks
        What the working store's address is told of blocks.

    Raises
    ------
    DataError
        When a file cannot be read, changes under the run, or has too many unreadable rows, or its source has.
    StorageError
        When the working store cannot be written.
    """
    if again.suspicious:
        _look_at_all(specs, threads, again, blocks)
    blocks.bring(specs, again)
    scanned: dict[str, ScannedTask] = {}
    missing: list[TaskSpec] = []
    for spec in specs:
        task = spec.task
        found = _standing(spec, again, blocks)
        if found is None:
            remade = again.made_again(task)
            missing.append(replace(spec, every_byte=again.suspicious, made_again=remade))
        else:
            scanned[task.key] = ScannedTask(task, found.blocks, found.rows, 0)
            _give_mode(spec.folder, spec.mode)
            blocks.share(scanned[task.key])
    tolerances = {spec.task.file.source: spec.tolerance for spec in specs}
    try:
        if missing:
            progress.stage("scan", sum(spec.task.source_bytes for spec in missing), None)
            with scanners.lend(made):
                scanned |= scan_missing(missing, threads, progress, again, blocks)
            _release_memory(made)
        end_idle()
        in_order = [scanned[spec.task.key] for spec in specs]
        refuse_without_gold(in_order, specs)
        return without_bad_files(in_order, tolerances, specs[0].store) if specs else []
    except DataError:
        for spec in filter(lacks_images, specs):
            _forget(spec, blocks)  # the next run asks for them again
        raise


def _standing(spec: TaskSpec, again: MadeAgain, blocks: Blocks) -> TaskRecord | None:
    """Return what the store says of a task that need not be scanned; tell `again` why another must be."""
    if (stale := forget_stale(spec)) is not None:
        blocks.forget(spec.task.key)
        again.said.append(stale)
    found = finished_task(spec.local, spec.task.key)
    if found is None:
        again.task(spec.task, load_task(spec.local, spec.task.key))
        return None
    if stands(found.blocks, spec.scanner):
        return found
    _forget(spec, blocks)
    if (looser := scanned_again(spec)) not in again.said:
        again.said.append(looser)
    return None


def _forget(spec: TaskSpec, blocks: Blocks) -> None:
    """Forget that a task stands, wherever it does."""
    forget_task(spec.local, spec.task.key)
    blocks.forget(spec.task.key)


def _give_mode(folder: Path, mode: Mode) -> None:
    """Give a task's files the mode that is asked for now; the folder's own tells whether they have it."""
    before = stat.S_IMODE(folder.stat().st_mode)
    if FOLDER_MODES[mode] not in {None, before}:
        for path in (*folder.iterdir(), folder):
            give_mode(path, mode)


def _look_at_all(specs: Sequence[TaskSpec], threads: Threads, again: MadeAgain, blocks: Blocks) -> None:
    """Read every byte of finished blocks, once one could not be read: all that do not go at once."""

    def look(spec: TaskSpec, name: str) -> tuple[TaskSpec, DamagedBlock] | None:
        try:
            _octomed.verify_block(str(spec.folder / f"{name}.index"))
        except DamagedBlock as damaged:
            return spec, damaged
        return None

    calls = [
        threads.submit(look, spec, header.name)
        for spec in specs
        if (record := finished_task(spec.local, spec.task.key)) is not None
        for header in record.blocks
    ]
    for seen in results(calls, threads):
        if seen is not None:
            spec, damaged = seen
            blocks.forget(spec.task.key)
            again.block(spec.task, remove_block(spec.folder, damaged, again.made_again(spec.task)))


def scan_missing(
    missing: list[TaskSpec], threads: Threads, progress: Progress, again: MadeAgain, blocks: Blocks
) -> dict[str, ScannedTask]:
    """Read tasks one after the other; the last blocks of one are scanned while the next is read.

    Parameters
    ----------
    missing
        The tasks that do not stand.
    threads, progress
        Of the run.
    again, blocks
        Told of blocks that could not be read, and of tasks that stand.
    """

    def told(block: BlockScanned) -> None:
        progress.advance(rows=block.rows, bytes=block.bytes, tokens=block.tokens, rejects=block.rejects)

    readers = max(1, threads.workers // _WORKERS_PER_READER)
    at_once = readers + 2 * threads.workers  # as many may wait for their last block as the queue has blocks
    scanned: dict[str, ScannedTask] = {}
    with fetched_ahead(missing if threads.reads_here else []):
        for result in threads.map(scan_task, missing, at_once=at_once, readers=readers, told=told):
            task = result.scanned.task
            scanned[task.key] = result.scanned
            blocks.share(result.scanned)
            for removed in result.removed:
                again.block(task, removed)
    return scanned


def _release_memory(made: Mapping[str, _octomed.Scanner]) -> None:
    """Give back what only a scan needs: the write pass then gets memory that was in use a moment ago."""
    for scanner in made.values():
        scanner.release_memory()
    pa.default_memory_pool().release_unused()
