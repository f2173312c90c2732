"""The error of a run whose rows all fell out, which says of what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from octomed.errors import DataError

if TYPE_CHECKING:
    from octomed import _octomed

_WITHOUT_TRACE = frozenset({"no_assistant_turn", "no_response"})
"""A row that is refused for one of these can be read; for any other reason it is unreadable."""


def nothing_left(rows: int, layout: _octomed.Layout, *, files_skipped: int = 0) -> DataError:
    """Return the error for a layout without packs.

    Parameters
    ----------
    rows
        Rows read.
    layout
        What was decided about their traces.
    files_skipped
        Files that `on_bad_file: skip` left out.
    """
    fates = [f"{rows:,} rows read"]
    fates += [f"{files_skipped:,} files skipped by `on_bad_file: skip`"] if files_skipped else []
    for reason, count in sorted(_refused_rows(layout).items()):
        kind = "without a trace" if reason in _WITHOUT_TRACE else "unreadable"
        fates.append(f"{count:,} {kind}: {reason}")
    rejected = layout.counts()["rejected"]
    fates += [f"{rejected[reason]:,} rejected: {reason}" for reason in sorted(rejected) if rejected[reason]]
    return DataError(
        f"no trace is left to pack: {', '.join(fates)}",
        "`octomed inspect RECIPE --source NAME --row 0` shows what becomes of a row",
    )


def _refused_rows(layout: _octomed.Layout) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number in range(len(layout.block_sources)):
        block = layout.rejects(number)
        of_rows = block.column("reason").filter(pc.is_null(block.column("sample")))
        for reason in pc.value_counts(of_rows):
            counts[reason["values"].as_py()] += reason["counts"].as_py()
    return counts
