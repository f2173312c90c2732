"""How many packs make a step of so many traces, and how much steps differ."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.stream.pack_table import pack_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.stream import Run


@dataclass(frozen=True)
class StepSize:
    """Packs a step, and the traces that this means.

    Attributes
    ----------
    packs
        Over all ranks.
    mean
        Traces a step over an epoch.
    low, high
        5th and 95th percentile of traces a step.
    """

    packs: int
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.packs:,} packs per step: {self.mean:,.1f} traces on average, "
            f"{self.low:,.0f} to {self.high:,.0f} in nine steps of ten"
        )


def traces_of_packs(run: Run, streams: Sequence[str], cache: Path | None = None) -> list[int]:
    """Count the traces of each pack of some streams.

    Parameters
    ----------
    run
        The finished run.
    streams
        Names of those to count; what the run lacks of them has no packs.
    cache
        Folder of the run's cached shards, where what was counted is kept.

    Raises
    ------
    DataError
        When the run's provenance is missing.
    StorageError
        When it does not cover the packs of these streams.
    """
    tables = pack_tables(run, cache)
    counts = [count for name in sorted(tables) if name in streams for count in tables[name].traces.tolist()]
    if 0 in counts:
        message = f"the provenance of `{run.location}` lacks packs of the streams that are trained on"
        raise StorageError(message, f"`{run.rebuild}` writes it again")
    return counts


def step_size(traces: Sequence[int], samples: int, ranks: int, *, draws: int = 2000) -> StepSize:
    """Return the packs of a step of so many traces.

    Parameters
    ----------
    traces
        Of each pack.
    samples
        Traces that a step should hold on average.
    ranks
        The packs are rounded to a multiple of it.
    draws
        Random steps that the percentiles are taken over.

    Examples
    --------
    >>> size = step_size([4, 4, 4, 4], samples=16, ranks=2)
    >>> size.packs, size.mean
    (4, 16.0)
    """
    mean = sum(traces) / len(traces)
    packs = max(1, round(samples / mean / ranks)) * ranks
    return spread(traces, packs, draws=draws)


def spread(traces: Sequence[int], packs: int, *, draws: int = 2000) -> StepSize:
    """Return what steps of so many packs hold, from random steps with a fixed seed.

    Examples
    --------
    >>> print(spread([4, 4, 4, 4], packs=2))
    2 packs per step: 8.0 traces on average, 8 to 8 in nine steps of ten
    """
    draw = random.Random(17)  # noqa: S311 no secret
    size = min(packs, len(traces))
    scale = packs / size
    sums = sorted(sum(draw.sample(traces, size)) * scale for _ in range(draws))
    mean = packs * sum(traces) / len(traces)
    return StepSize(packs, mean, sums[round(0.05 * (draws - 1))], sums[round(0.95 * (draws - 1))])
