"""Which traces came, went and changed between two runs, and why: part by part, in bounded memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from octomed.compare.records import PACKED, WHOLE_ROW, Names, write_parts
from octomed.pipeline.finished.finished_run import read_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RECORDS_A_PART = 400_000
_MOST_PARTS = 250
_EXAMPLES = 3
ABSENT = "not_read"
"""Of a trace whose row, or response, the other run has not at all."""
CHANGES = ("came", "went", "changed")


@dataclass(frozen=True)
class Example:
    """A trace that differs.

    Attributes
    ----------
    source, file, row, sample
        Where it is from.
    trace_id
        In the first run that packed it.
    """

    source: str
    file: str
    row: int
    sample: int
    trace_id: int


@dataclass
class TraceChanges:
    """What became of traces.

    Attributes
    ----------
    same
        Traces that both runs packed, alike as far as their tables tell.
    counts
        By change, source and reason: why a trace is in the other run no pack, or what changed of it.
    examples
        A few traces of each change and reason.
    """

    same: int = 0
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[Example]] = field(default_factory=dict)

    def total(self, change: str) -> int:
        """Return how many traces came, went or changed."""
        return sum(number for (one, _, _), number in self.counts.items() if one == change)

    def by_reason(self, change: str) -> dict[str, int]:
        """Return how many traces came, went or changed, by reason, the most first."""
        found: Counter[str] = Counter()
        for (one, _, reason), number in self.counts.items():
            if one == change:
                found[reason] += number
        return dict(found.most_common())


def compare_traces(before: Path, after: Path) -> TraceChanges:
    """Compare the traces of two finished runs by their places: source, file, row and response.

    Parameters
    ----------
    before, after
        Outputs of ``octomed pack``.

    Returns
    -------
    TraceChanges
        ``came``: packed in the second alone, with the reason in the first; ``went`` the other way;
        ``changed``: packed in both, and of another length, number of copies or use, or elsewhere in its file.

    Raises
    ------
    DataError
        When a table of provenance or rejects is missing or damaged.
    """
    names, changes = Names(), TraceChanges()
    number = _parts_of(before, after)
    with tempfile.TemporaryDirectory(prefix="octomed-diff-") as scratch:
        folders = [Path(scratch, side) for side in ("before", "after")]
        for folder in folders:
            folder.mkdir()
        both = [
            write_parts(run, folder, number, names)
            for run, folder in zip((before, after), folders, strict=True)
        ]
        for part in range(number):
            _compare(both[0].read(part), both[1].read(part), names, changes)
    return changes


def _parts_of(*runs: Path) -> int:
    counts = [read_run(run).counts for run in runs]
    records = max(one.traces + one.copies + one.rows_unreadable + one.rows_without_trace for one in counts)
    return min(max(1, -(-records // _RECORDS_A_PART)), _MOST_PARTS)


@dataclass
class _Side:
    """The records of a part of one run, looked up by numbers that both sides share."""

    records: NDArray[np.void]
    packed: NDArray[np.int64]
    rejected: NDArray[np.int64]
    refused: NDArray[np.int64]
    copies: NDArray[np.int64]


def _compare(before: NDArray[np.void], after: NDArray[np.void], names: Names, changes: TraceChanges) -> None:
    all_records = np.concatenate([before, after])
    traces, trace_count = _numbered(all_records, "sample")
    rows, row_count = _numbered(all_records)
    cut = len(before)
    of_row = np.zeros(trace_count, np.int64)
    of_row[traces] = rows
    old = _side(before, traces[:cut], rows[:cut], trace_count, row_count)
    new = _side(after, traces[cut:], rows[cut:], trace_count, row_count)
    was, now = old.packed >= 0, new.packed >= 0
    _note("came", np.flatnonzero(now & ~was), new, old, of_row, names, changes)
    _note("went", np.flatnonzero(was & ~now), old, new, of_row, names, changes)
    _note_changed(np.flatnonzero(was & now), old, new, names, changes)


def _numbered(records: NDArray[np.void], *more: str) -> tuple[NDArray[np.int64], int]:
    """Return a number for each record, equal where file, row and other columns are, and how many."""
    columns = [records[name] for name in (*more, "row", "file")]
    order = np.lexsort(columns)
    apart = np.zeros(len(records), bool)
    for column in columns:
        apart[1:] |= column[order][1:] != column[order][:-1]
    numbers = np.empty(len(records), np.int64)
    numbers[order] = np.cumsum(apart)
    return numbers, int(apart.sum()) + 1


def _side(
    records: NDArray[np.void], traces: NDArray[np.int64], rows: NDArray[np.int64], count: int, row_count: int
) -> _Side:
    packed, rejected = np.full(count, -1), np.full(count, -1)
    refused = np.full(row_count, -1)
    is_packed = records["reason"] == PACKED
    is_row = records["sample"] == WHOLE_ROW
    for target, numbers, chosen in (
        (packed, traces, is_packed),
        (rejected, traces, ~is_packed & ~is_row),
        (refused, rows, ~is_packed & is_row),
    ):
        target[numbers[chosen]] = np.flatnonzero(chosen)
    copies = np.bincount(traces[is_packed], minlength=count)
    return _Side(records, packed, rejected, refused, copies)


def _note(  # noqa: PLR0913, PLR0917 two sides, and what both share
    change: str,
    numbers: NDArray[np.int64],
    has: _Side,
    lacks: _Side,
    of_row: NDArray[np.int64],
    names: Names,
    changes: TraceChanges,
) -> None:
    """Count traces that one run packed and the other did not, by why not."""
    mine = has.records[has.packed[numbers]]
    index = np.where(lacks.rejected[numbers] >= 0, lacks.rejected[numbers], lacks.refused[of_row[numbers]])
    reasons = np.zeros(len(numbers), np.int64)
    reasons[index >= 0] = lacks.records["reason"][index[index >= 0]]
    for reason in np.unique(reasons).tolist():
        why = names.reason_of(reason) if reason else ABSENT
        _count(change, why, mine[reasons == reason], names, changes)


def _note_changed(
    numbers: NDArray[np.int64], old: _Side, new: _Side, names: Names, changes: TraceChanges
) -> None:
    """Count traces that both packed by what differs of them: the first that does."""
    before, after = old.records[old.packed[numbers]], new.records[new.packed[numbers]]
    left = np.ones(len(numbers), bool)
    for what, differs in (
        ("length", before["length"] != after["length"]),
        ("use", before["validation"] != after["validation"]),
        ("copies", old.copies[numbers] != new.copies[numbers]),
        ("place", before["trace_id"] != after["trace_id"]),
    ):
        found = left & differs
        left &= ~differs
        if found.any():
            _count("changed", what, before[found], names, changes)
    changes.same += int(left.sum())


def _count(change: str, reason: str, records: NDArray[np.void], names: Names, changes: TraceChanges) -> None:
    for file, number in zip(*np.unique(records["file"], return_counts=True), strict=True):
        changes.counts[change, names.file_of(int(file))[0], reason] += int(number)
    examples = changes.examples.setdefault((change, reason), [])
    order = np.lexsort((records["sample"], records["row"], records["file"]))
    for record in records[order[: _EXAMPLES - len(examples)]]:
        source, file = names.file_of(int(record["file"]))
        place = (source, file, int(record["row"]), int(record["sample"]))
        examples.append(Example(*place, int(record["trace_id"])))
