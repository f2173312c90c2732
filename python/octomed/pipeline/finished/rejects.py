"""What a run left out: place and reason of every row and trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import place_of, store_of
from octomed.pipeline.finished.run_tables import batches_of
from octomed.recipe.problems import suggest
from octomed.report.views import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from octomed.run_file import Counts


def rejects_of(folder: Path, *, reason: str | None = None, source: str | None = None) -> Iterator[Reject]:
    """Yield what a finished run left out, source by source, in the order of its files and rows.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    reason, source
        Only these.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or there is no such reason or source.
    DataError
        When a table of rejects is missing or damaged.
    """
    names = reject_tables(folder, reason, source)
    return (Reject(**row) for batch in _batches(folder, names, reason) for row in batch.to_pylist())


def count_rejects(folder: Path, *, reason: str | None = None, source: str | None = None) -> int:
    """Return how many :func:`rejects_of` yields, without a look at each.

    Raises
    ------
    RecipeError, DataError
        As there.
    """
    names = reject_tables(folder, reason, source)
    return sum(batch.num_rows for batch in _batches(folder, names, reason, columns=["reason"]))


def reject_tables(folder: Path, reason: str | None, source: str | None) -> list[str]:
    """Return the names of the tables that are asked for, in the order of the sources.

    Parameters
    ----------
    folder, reason, source
        As of :func:`rejects_of`.

    Raises
    ------
    RecipeError
        When there is no such reason or source.
    """
    run = read_run(folder)
    if "rejects" in run.run.left_out:
        message = f"`{shown(place_of(folder))}` is a published copy, without what was left out of the run"
        raise RecipeError(message, "whoever published it may do so again with `--include rejects`")
    sources = run.sources
    if source is not None and source not in sources:
        raise RecipeError(f"the run has no source `{source}`", suggest(source, sources, kind="sources"))
    _refuse_unknown(reason, run.counts)
    there = table_names(store_of(folder), run, "rejects/")
    wanted = [f"rejects/{name}.parquet" for name in sources if source in {None, name}]
    return [name for name in wanted if name in there]


def _refuse_unknown(reason: str | None, counts: Counts) -> None:
    counted = {**counts.rejected, **(counts.rows_refused or {})}
    if reason is None or reason in counted or reason in _octomed.REASONS:
        return
    there = [why for why, number in counted.items() if number]
    hint = suggest(reason, there, kind="reasons") if there else "this run left nothing out"
    raise RecipeError(f"unknown reason `{shown(reason)}`", hint)


def _batches(
    folder: Path, names: list[str], reason: str | None, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    for name in names:
        for batch in batches_of(folder, name, columns):
            yield batch if reason is None else batch.filter(pc.equal(batch.column("reason"), reason))
