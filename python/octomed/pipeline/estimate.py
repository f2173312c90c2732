"""What a plan will cost, from the first rows of each source, and whether the disk has room for it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed import _octomed, machine
from octomed.errors import DataError, StorageError
from octomed.pipeline.files import file_errors
from octomed.pipeline.read import blocks_of
from octomed.report.planned import Estimate
from octomed.report.units import bytes_of

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.pipeline.plan import Plan, SourcePlan

_SAMPLE_BYTES = 2**20
"""Bytes of a source that the estimate tokenizes."""

_MOST_DISK = 32
"""With so many times the inputs' text free no estimate is needed: four bytes per token in the store and
four in the output, a prompt again with each of its responses, do not come near it."""


@dataclass
class _Sample:
    source_bytes: int = 0
    rows: int = 0
    traces: int = 0
    tokens: int = 0
    stored: int = 0
    seconds: float = 0.0


def estimate(plan: Plan) -> Estimate:
    """Estimate the work that is left, from the first rows of each source.

    Raises
    ------
    DataError
        When a file cannot be read, and its source does not skip such files.
    """
    rows = traces = tokens = source_bytes = standing = count = 0
    seconds = 0.0
    stored = stored_left = 0
    for source in plan.sources:
        sample = _sample(source)
        total = sum(task.source_bytes for task in source.tasks)
        missing = [task for task in source.tasks if plan.finished(task) is None]
        left = sum(task.source_bytes for task in missing)
        standing += len(source.tasks) - len(missing)
        count += len(source.tasks)
        ratio = total / max(1, sample.source_bytes)
        rows += round(sample.rows * ratio)
        traces += round(sample.traces * ratio)
        tokens += round(sample.tokens * ratio)
        stored += round(sample.stored * ratio)
        stored_left += round(sample.stored * left / max(1, sample.source_bytes))
        seconds += sample.seconds * left / max(1, sample.source_bytes)
        source_bytes += total
    workers = machine.cores()
    free = shutil.disk_usage(_existing(plan.store)).free
    # The write pass reads, compresses and writes four bytes per token at about 150 MB/s per core.
    seconds = (seconds + 4 * tokens / 150e6) / workers
    ratio = 0.45 if plan.recipe.output.compression else 1.0
    return Estimate(
        tasks=count,
        tasks_standing=standing,
        rows=rows,
        traces=traces,
        tokens=tokens,
        source_bytes=source_bytes,
        seconds=seconds,
        store_bytes=stored,
        output_bytes=round(4 * tokens * ratio),
        free_bytes=free,
        store_bytes_left=stored_left,
    )


def _sample(source: SourcePlan) -> _Sample:
    """Tokenize the first rows of a source."""
    sample = _Sample()
    for task in source.tasks:
        try:
            block = next(iter(blocks_of(task, source.scanner.mapping, target=_SAMPLE_BYTES)), None)
        except DataError:
            if source.source.on_bad_file != "skip":
                raise
            continue
        if block is None:
            continue
        begin = time.perf_counter()
        with file_errors(task.file):
            seen = source.scanner.measure(block)
        sample.seconds = time.perf_counter() - begin
        sample.source_bytes = block.source_bytes
        sample.rows, sample.traces, sample.tokens = block.rows, seen.traces, seen.tokens
        sample.stored = seen.stored_bytes + _octomed.INDEX_ROW_BYTES * seen.traces
        break
    return sample


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def refuse_full_disk(plan: Plan, *, finished: int) -> None:
    """Refuse a run of which what is left to write will not fit.

    Parameters
    ----------
    plan
        The plan; its folders exist.
    finished
        Bytes of the output's shards that are there.

    Raises
    ------
    StorageError
        When a disk has less free than the estimate needs of it.
    """
    text = sum(task.source_bytes for _, task in plan.tasks())
    if min(shutil.disk_usage(folder).free for folder in (plan.store, plan.output)) > _MOST_DISK * text:
        return
    expected = estimate(plan)
    wanted = {plan.store: expected.store_bytes_left, plan.output: max(0, expected.output_bytes - finished)}
    if plan.store.stat().st_dev == plan.output.stat().st_dev:
        wanted = {plan.output: sum(wanted.values())}
    for folder, size in wanted.items():
        free = shutil.disk_usage(folder).free
        if size > free:
            raise StorageError(
                f"the run needs about {bytes_of(size)} more disk space at `{folder}`, "
                f"{bytes_of(free)} are free",
                "free some space, or put `work.path` and `output.path` on other disks",
            )
