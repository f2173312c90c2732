"""The first rows of each kind of file: whether they fit the recipe, and why not; nothing is written."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.inputs.column_names import names_to_show
from octomed.pipeline.inputs.files import csv_names, file_errors, open_table
from octomed.pipeline.inputs.folder_columns import given_columns
from octomed.pipeline.inputs.nearest_format import image_columns, near_formats
from octomed.pipeline.inputs.read import blocks_of
from octomed.recipe.kinds import COLUMNAR
from octomed.recipe.sniff import suspected
from octomed.report.samples import FileSample, Misfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.inputs.tasks import Task
    from octomed.pipeline.planning.plan import Plan, SourcePlan
    from octomed.recipe.input_file import InputFile

SAMPLE_ROWS = 100
_SAMPLE_BYTES = 4 * 2**20
_SAMPLE_SECONDS = 5.0
_BLOCK_BYTES = 2**18
_IMAGE_FAULTS = 3
_NOT_FETCHED = "image_unreachable"
"""Nothing is asked of the web for a sample."""
_NAMED_BY_READER = {"tar": ("__key__",)}
"""Columns that no file has by itself, of which nobody need be told."""
_OF_IMAGES = frozenset(reason for reason in _octomed.REASONS if reason.startswith("image_"))


def samples_of(plan: Plan) -> list[FileSample]:
    """Look at the first rows of the first file of each kind, source by source.

    A file without rows gives way to the next of its kind.

    Raises
    ------
    DataError
        When a file cannot be read, and its source does not skip such files.
    """
    return [sample for source in plan.sources for sample in _samples_of_source(plan, source)]


def _samples_of_source(plan: Plan, source: SourcePlan) -> Iterator[FileSample]:
    kinds: dict[str, list[Task]] = {}
    for task in source.tasks:
        kinds.setdefault(_kind(task.file), []).append(task)
    for tasks in kinds.values():
        sample = None
        for task in tasks:
            sample = _sample_unless_skipped(plan, source, task)
            if sample is not None and sample.rows:
                break
        if sample is not None:
            yield sample


def _kind(file: InputFile) -> str:
    return file.kind if file.compression is None else f"{file.kind}.{file.compression}"


def _sample_unless_skipped(plan: Plan, source: SourcePlan, task: Task) -> FileSample | None:
    try:
        return _sample(plan, source, task)
    except DataError:
        if source.source.on_bad_file != "skip":
            raise
        return None


@dataclass
class _Count:
    """Rows counted so far."""

    capacity: int
    first_row: int
    rows: int = 0
    fitting: int = 0
    traces: int = 0
    first: Misfit | None = None

    def __post_init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.images: dict[int, bool] = {}
        self.image_faults: list[Misfit] = []
        self.refused_for_images = 0
        self.not_fetched = 0

    def add(
        self,
        ordinal: int,
        reason: str | None,
        detail: str,
        traces: list[tuple[int, str, int]],
        images: list[tuple[int, bool]],
    ) -> None:
        """Count a row: one with traces fits if a pack takes one of them."""
        self.rows += 1
        self.images.update(images)
        if reason == _NOT_FETCHED:
            self.not_fetched += 1
            self.fitting += 1
            return
        if reason in _OF_IMAGES:
            self.refused_for_images += 1
        if reason in _OF_IMAGES and len(self.image_faults) < _IMAGE_FAULTS:
            self.image_faults.append(Misfit(self.first_row + ordinal, reason, detail))
        fates = [self._fate(verdict, tokens) for _, verdict, tokens in traces]
        kept = sum(fate == "kept" for fate, _ in fates)
        self.traces += kept
        if kept:
            self.fitting += 1
            return
        if reason is None:
            reason, detail = fates[0] if fates else ("no_response", "")
        self.reasons[reason] += 1
        self.first = self.first or Misfit(self.first_row + ordinal, reason, detail)

    def _fate(self, verdict: str, tokens: int) -> tuple[str, str]:
        if verdict == "kept" and tokens > self.capacity:
            return "over_long", f"{tokens:,} tokens, a pack holds {self.capacity:,}"
        return verdict, ""


def _sample(plan: Plan, source: SourcePlan, task: Task) -> FileSample:
    count = _Count(plan.recipe.pack.capacity, task.first_row or 0)
    keys: dict[str, None] = {}
    read = 0
    end = time.monotonic() + _SAMPLE_SECONDS
    for block in blocks_of(task, source.scanner.mapping, target=_BLOCK_BYTES):
        left = SAMPLE_ROWS - count.rows
        keys.update(dict.fromkeys(_octomed.top_level_keys(block, left) or ()))
        with file_errors(task.file):
            seconds = max(end - time.monotonic(), 0.0)
            for outcome in _octomed.row_outcomes(source.scanner, block, left, seconds):
                count.add(*outcome)
        read += block.source_bytes
        if count.rows >= SAMPLE_ROWS or read >= _SAMPLE_BYTES or time.monotonic() >= end:
            break
    columns = tuple(keys) or tuple(_columns_of(task.file))
    columns += tuple(name for name, _ in given_columns(task.file, source.scanner.mapping))
    missing, _, wanted = _octomed.mapped_columns(source.scanner.mapping, list(columns))
    known = {*wanted, *source.source.mapping.get("unused", ()), *_NAMED_BY_READER.get(task.file.kind, ())}
    images = () if plan.vision is None else image_columns(source.spec.mapping)
    may_show = tuple(names_to_show(columns, source.scanner.mapping, task.file.kind))
    own = source.source.format if isinstance(source.source.format, str) else None
    file = task.file
    unreadable = sum(
        number for reason, number in count.reasons.items() if _octomed.REASONS.get(reason, False)
    )
    return FileSample(
        file.source,
        file.relative,
        file.path,
        _kind(file),
        count.rows,
        count.fitting,
        count.traces,
        tuple(count.reasons.most_common()),
        unreadable,
        count.first,
        may_show,
        tuple(missing) if keys else (),
        tuple(name for name in may_show if name not in known),
        tuple(name for name in may_show if _octomed.Mapping.suggests_pictures(name) and name not in images),
        near_formats(columns, but=own) if count.rows and not count.fitting else (),
        suspected(file.path, file.kind, file.compression)
        if count.rows and unreadable == count.rows
        else None,
        len(columns) - len(may_show),
        len(count.images),
        sum(count.images.values()),
        tuple(count.image_faults),
        count.not_fetched,
        count.refused_for_images,
    )


def _columns_of(file: InputFile) -> list[str]:
    """Return the columns of a file that names them."""
    if file.kind in COLUMNAR:
        with open_table(file) as table:
            return list(table.schema.names)
    if file.kind in {"csv", "tsv"}:
        with file_errors(file):
            return csv_names(file)
    return []
