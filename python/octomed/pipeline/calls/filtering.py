"""Filters of the user's own at work: a block's traces go through them, and what they cost is counted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from octomed import _octomed
from octomed.errors import CancelledRun, DataError
from octomed.filter_record import FilterCost
from octomed.names import shown
from octomed.pipeline.calls.filter_source import function_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from octomed.filter_record import FilterRecord
    from octomed.pipeline.calls.specs import TaskSpec

EXTRA_MEMORY = 3 * 2**25
"""Bytes that a block's batches may take beside the block: one at a time, and what is made of it."""

_TRIED = 1_000
"""First rows that a filter decides twice, the second time cut in two."""

_WANTED = "return a bool for each row (an Arrow or NumPy array, or a list), or a `(keep, detail)` for each"


@dataclass(frozen=True)
class TaskFilters:
    """The filters of a task.

    Attributes
    ----------
    spec
        The task.
    costs
        What each did so far.
    """

    spec: TaskSpec
    costs: dict[str, FilterCost] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of_block(
        self, scanner: _octomed.Scanner, block: _octomed.Block, cancel: _octomed.Cancel
    ) -> _octomed.Filtered | None:
        """Return what the filters leave out of a block; None of a task without any.

        Raises
        ------
        DataError
            When a filter fails, or returns what says nothing, by name and row.
        """
        records = self.spec.scanner.filters
        if not records:
            return None
        asked = {column for one in records for column in one.columns}
        columns = [name for name in _octomed.FILTER_COLUMNS if name in asked]
        file = self.spec.task.file
        calls = [_Call(one, function_of(one), self.spec) for one in records]

        def decide(batch: pa.RecordBatch, ordinals: list[int]) -> list[tuple[int, str, str]]:
            return list(self._through(calls, batch, ordinals))

        return scanner.filtered(block, file.source, file.relative, columns, cancel, decide)

    def _through(
        self, calls: list[_Call], batch: pa.RecordBatch, ordinals: list[int]
    ) -> Iterator[tuple[int, str, str]]:
        """Yield what is left out of a batch: its row, the filter, and what that says of it."""
        places = np.arange(batch.num_rows)
        for call in calls:
            if not len(places):
                return
            seen = batch if len(places) == batch.num_rows else batch.take(pa.array(places))
            begin = time.perf_counter()
            keep, details = call.decided(seen, [ordinals[place] for place in places])
            cost = FilterCost(len(places), int((~keep).sum()), time.perf_counter() - begin)
            with self._lock:
                self.costs[call.record.name] = self.costs.get(call.record.name, FilterCost()) + cost
            for row in np.flatnonzero(~keep).tolist():
                yield int(places[row]), call.record.name, details[row] if details else ""
            places = places[keep]


_Decided = tuple["NDArray[np.bool_]", list[str]]
"""Which rows stay, and what is said of each; nothing where the function says nothing."""

_tried: set[FilterRecord] = set()
"""Filters of this process that have decided their first rows twice."""


@dataclass(frozen=True)
class _Call:
    """A filter and its function."""

    record: FilterRecord
    function: Callable[[Any], Any]
    spec: TaskSpec

    def decided(self, batch: pa.RecordBatch, ordinals: list[int]) -> _Decided:
        seen = batch.select(self.record.columns)
        found = self._called(seen, ordinals)
        if self.record not in _tried:
            self._try_again(seen, ordinals, found)
            _tried.add(self.record)
        return found

    def _called(self, batch: pa.RecordBatch, ordinals: list[int]) -> _Decided:
        try:
            result = self.function(batch)
        except CancelledRun:
            raise
        except Exception as error:  # noqa: BLE001 as above
            row, cause = self._failing(batch, ordinals, error)
            message = f"the filter `{self.record.name}` (`{self.record.place}`) failed at {self._place(row)}"
            hint = "mend it, and call `octomed.pack` again: what its module's source decides is scanned again"
            raise DataError(f"{message}: {type(cause).__name__}: {cause}", hint) from cause
        decided = _as_decided(result, batch.num_rows)
        if isinstance(decided, str):
            where = self._place(ordinals[0])
            message = f"the filter `{self.record.name}` (`{self.record.place}`) returned {decided}"
            raise DataError(f"{message} for {batch.num_rows:,} traces from {where} on", _WANTED)
        return decided

    def _failing(self, batch: pa.RecordBatch, ordinals: list[int], error: Exception) -> tuple[int, Exception]:
        """Return the first row at which the function fails by itself; the batch's first if none does."""
        begin, end = 0, batch.num_rows
        while end - begin > 1:
            middle = (begin + end) // 2
            for low, high in ((begin, middle), (middle, end)):
                try:
                    self.function(batch.slice(low, high - low))
                except Exception as found:  # noqa: BLE001 whatever the user's function raises
                    begin, end, error = low, high, found
                    break
            else:
                break
        return ordinals[begin], error

    def _try_again(self, batch: pa.RecordBatch, ordinals: list[int], found: _Decided) -> None:
        """Have the first rows decided again in two batches: it must say the same."""
        most = min(batch.num_rows, _TRIED)
        middle = (most + 1) // 2
        for begin, end in ((0, middle), (middle, most)):
            if begin == end:
                continue
            again = self._called(batch.slice(begin, end - begin), ordinals[begin:end])
            for row in range(end - begin):
                if _of(again, row) != _of(found, begin + row):
                    where = self._place(ordinals[begin + row])
                    raise DataError(
                        f"the filter `{self.record.name}` (`{self.record.place}`) says two things of {where}",
                        "decide each trace by itself and always alike: batches are cut anywhere; no counts "
                        "of a batch, no random numbers, nothing kept from call to call",
                    )

    def _place(self, ordinal: int) -> str:
        """Return where a row is from, in words."""
        task = self.spec.task
        if task.first_row is None:
            return f"{shown(task.place)} row {ordinal} after byte {task.begin}"
        return f"{shown(task.place)} row {task.first_row + ordinal}"


def _of(decided: _Decided, row: int) -> tuple[bool, str]:
    keep, details = decided
    return bool(keep[row]), "" if keep[row] or not details else details[row]


def _as_decided(result: Any, rows: int) -> _Decided | str:  # noqa: ANN401 whatever the user's function returns
    """Return what a function says of so many rows, or in words what is wrong with it."""
    if isinstance(result, list | tuple):
        return _of_list(list(result), rows)
    if isinstance(result, pa.Array | pa.ChunkedArray):
        if not pa.types.is_boolean(result.type) or result.null_count:
            return f"an array of {result.type} with {result.null_count:,} nulls"
        result = (
            result.to_numpy()
            if isinstance(result, pa.ChunkedArray)
            else result.to_numpy(zero_copy_only=False)
        )
    elif not hasattr(result, "__array__"):
        return f"a {type(result).__name__}"
    values = np.asarray(result)
    if values.dtype != np.bool_:
        return f"an array of {values.dtype}"
    if values.shape != (rows,):
        return f"an array of shape {list(values.shape)}"
    return values, []


def _of_list(values: list[Any], rows: int) -> _Decided | str:
    if len(values) != rows:
        return f"a list of {len(values):,}"
    keep = np.ones(rows, np.bool_)
    details = [""] * rows
    for row, value in enumerate(values):
        stays, detail = value if isinstance(value, tuple) and len(value) == 2 else (value, "")  # noqa: PLR2004 both
        if not isinstance(stays, bool | np.bool_) or not isinstance(detail, str | None):
            return f"a list with {type(stays).__name__} and {type(detail).__name__}"
        keep[row], details[row] = bool(stays), detail or ""
    return keep, details
