"""What a plan will cost, from the first rows of each source, and whether the disk has room for it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed import _octomed, machine
from octomed.errors import DataError, StorageError
from octomed.pipeline.inputs.files import file_errors
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.output.uploads import MOST_WAITING_BYTES
from octomed.pipeline.planning.image_estimate import ImageSample, ImageTotals, exact_images
from octomed.pipeline.planning.image_settings import may_have_images
from octomed.report.planned import Estimate
from octomed.report.units import bytes_of

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.pipeline.inputs.tasks import Task
    from octomed.pipeline.planning.plan import Plan, SourcePlan
    from octomed.store_files import BlockHeader

_SAMPLE_BYTES = 2**20
"""Bytes of a source that the estimate tokenizes."""
_PIECE_BYTES = 2**16
_SAMPLE_SECONDS = 0.3
"""For a source whose rows may name images: each of them is decoded."""

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
    images: ImageSample = field(default_factory=ImageSample)

    def add(self, header: BlockHeader) -> None:
        """Add what the header of a block says."""
        self.source_bytes += header.source_bytes
        self.rows += header.rows
        self.traces += header.traces
        self.tokens += header.tokens
        self.stored += header.stored_bytes + header.image_bytes
        self.stored += _octomed.INDEX_ROW_BYTES * header.traces
        self.images.add(header)


def estimate(plan: Plan, *, shows_images: bool = True) -> Estimate:
    """Estimate the work that is left, from the first rows of each source.

    Parameters
    ----------
    plan
        The plan.
    shows_images
        Whether to look at a few images closely, and at those of a finished scan.

    Raises
    ------
    DataError
        When a file cannot be read, and its source does not skip such files.
    """
    rows = traces = tokens = source_bytes = standing = count = 0
    seconds = 0.0
    stored = stored_left = 0
    images = ImageTotals()
    for source in plan.sources:
        sample = _sample(source, shows_images=shows_images)
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
        images.add(sample.images, ratio)
        seconds += sample.seconds * left / max(1, sample.source_bytes)
        source_bytes += total
    workers = machine.cores()
    free = shutil.disk_usage(_existing(plan.store)).free
    # The write pass reads, compresses and writes four bytes per token at about 150 MB/s per core.
    seconds = (seconds + 4 * tokens / 150e6) / workers
    expected = images.estimate() if shows_images else None
    if expected is not None:
        expected = exact_images(plan, expected.stores) or expected
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
        output_bytes=round(4 * tokens * ratio) + images.packed_at(plan.recipe.pack.traces_per_image),
        free_bytes=free,
        store_bytes_left=stored_left,
        images=expected,
    )


def _sample(source: SourcePlan, *, shows_images: bool) -> _Sample:
    """Tokenize the first rows of a source."""
    has_images = source.spec.images is not None and may_have_images(source.spec.mapping)
    for task in source.tasks:
        try:
            sample = _sample_of(source, task, in_pieces=has_images, shows_images=shows_images)
        except DataError:
            if source.source.on_bad_file != "skip":
                raise
            continue
        if sample.rows:
            return sample
    return _Sample()


def _sample_of(source: SourcePlan, task: Task, *, in_pieces: bool, shows_images: bool) -> _Sample:
    """Tokenize the first rows of a task: where rows name images, as many as their decoders allow."""
    sample = _Sample()
    target = _PIECE_BYTES if in_pieces else _SAMPLE_BYTES
    for block in blocks_of(task, source.scanner.mapping, target=target):
        begin = time.perf_counter()
        with file_errors(task.file):
            sample.add(source.scanner.measure(block))
        sample.seconds += time.perf_counter() - begin
        if shows_images and in_pieces and sample.images.images and not sample.images.looked_at:
            with file_errors(task.file):
                sample.images.look_at(source.scanner, block)
        if sample.source_bytes >= _SAMPLE_BYTES or sample.seconds >= _SAMPLE_SECONDS:
            break
    return sample


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def refuse_full_disk(plan: Plan, *, finished: int, is_staged: bool = False) -> None:
    """Refuse a run of which what is left to write will not fit.

    Parameters
    ----------
    plan
        The plan; its folders exist.
    finished
        Bytes of the output's shards that are there.
    is_staged
        Whether shards leave the disk as they are uploaded.

    Raises
    ------
    StorageError
        When a disk has less free than the estimate needs of it.
    """
    text = sum(task.source_bytes for _, task in plan.tasks())
    if min(shutil.disk_usage(folder).free for folder in (plan.store, plan.output)) > _MOST_DISK * text:
        return
    expected = estimate(plan, shows_images=False)
    left = max(0, expected.output_bytes - finished)
    if is_staged:
        left = min(left, MOST_WAITING_BYTES + (1 + machine.cores()) * plan.recipe.output.shard_size)
    wanted = {plan.store: expected.store_bytes_left, plan.output: left}
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
