"""A finished run at a glance: its streams, lengths, sources, and what it left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import place_of, store_of
from octomed.pipeline.finished.run_tables import batches_of
from octomed.report.views import RunView, StreamView

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed.run_file import Counts, RunFile, StreamEntry

PERCENTILES = (0, 5, 25, 50, 75, 95, 99, 100)


def inspect_run(folder: Path) -> RunView:
    """Return a finished run at a glance.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    DataError
        When its provenance, which has the lengths, is missing or damaged.
    """
    run = read_run(folder)
    counts, capacity = run.counts, run.capacity
    lengths = {name: _lengths(folder, run, name) for name in run.streams}
    streams = {
        name: StreamView(
            stream.packs,
            stream.traces,
            stream.tokens,
            stream.shards,
            _fill(stream, capacity),
            _percentiles(lengths[name]),
        )
        for name, stream in run.streams.items()
    }
    return RunView(
        folder=place_of(folder),
        name=run.name,
        capacity=capacity,
        packs=counts.packs,
        traces=counts.train + counts.validation,
        tokens=counts.tokens,
        supervised_tokens=counts.supervised_tokens,
        fill=_fill(counts, capacity),
        streams=streams,
        lengths=_percentiles(np.concatenate([*lengths.values(), np.empty(0, np.uint32)])),
        rows=counts.rows,
        rows_refused=counts.rows_refused or {},
        rejected={reason: number for reason, number in counts.rejected.items() if number},
        sources={name: counts.sources[name] for name in run.sources if name in counts.sources},
    )


def _fill(counts: Counts | StreamEntry, capacity: int) -> float:
    return counts.tokens / (counts.packs * capacity) if counts.packs and capacity else 0.0


def _lengths(folder: Path, run: RunFile, stream: str) -> NDArray[np.uint32]:
    """Return the lengths of a stream's traces."""
    parts = [np.empty(0, np.uint32)]
    store = store_of(folder)
    for name in table_names(store, run, f"provenance/{stream}-"):
        parts += [batch.column("length").to_numpy() for batch in batches_of(folder, name, ["length"])]
    return np.concatenate(parts)


def _percentiles(lengths: NDArray[np.uint32]) -> dict[str, int]:
    """Return lengths that traces have, and none between two of them."""
    if not len(lengths):
        return {}
    values = np.percentile(lengths, PERCENTILES, method="inverted_cdf")
    return {f"p{share}": int(value) for share, value in zip(PERCENTILES, values, strict=True)}
