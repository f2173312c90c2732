"""From a training step back to source rows: what lies behind a spike of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.errors import RecipeError
from octomed.report.views import StepTrace, StepView
from octomed.stream import open_run
from octomed.stream.pack_table import provenance_files
from octomed.strict_json import read_as
from octomed.train.facts import read_facts
from octomed.train.journal import METRICS, TRACES, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.stream import Run

_COLUMNS = ("trace_id", "source", "file", "row", "sample", "stream", "pack", "document", "length")


def look_at_step(folder: Path, step: int) -> StepView:
    """Find the source rows of a training step.

    Parameters
    ----------
    folder
        The training run's folder.
    step
        Number of the step, from 1.

    Raises
    ------
    RecipeError
        When the folder is of no training run, or the run has no such step.
    StorageError
        When a file of the folder is damaged.
    """
    facts = read_facts(folder)
    logs = facts.folder_of_traces or folder
    ranks = dict(_ids_of(logs, step))
    if not ranks:
        raise RecipeError(f"`{folder}` has no step {step}", _known_steps(logs))
    run = open_run(facts.data)
    places = _places(run, sorted({one for ids in ranks.values() for one in ids}))
    traces = [StepTrace(rank=rank, **places[one]) for rank, ids in sorted(ranks.items()) for one in ids]
    return StepView(step, _loss(folder, step), facts.data, tuple(traces))


@dataclass(frozen=True)
class _Ids:
    trace_ids: tuple[int, ...] = ()


def _rank_of(path: Path) -> int:
    rank = path.stem.removeprefix("traces-rank")
    return int(rank) if rank.isdecimal() else 0


def _ids_of(folder: Path, step: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    for path in folder.glob(TRACES):
        for entry in read_journal(path):
            if entry["step"] == step:
                yield _rank_of(path), read_as(_Ids, entry).trace_ids


def _known_steps(folder: Path) -> str:
    steps = [entry["step"] for path in folder.glob(TRACES) for entry in read_journal(path)]
    if not steps:
        return "it has no `traces-rank*.jsonl`: `callbacks.trace_log` was off, or nothing was trained"
    return f"its steps are {min(steps)} to {max(steps)}"


def _places(run: Run, ids: list[int]) -> dict[int, dict[str, Any]]:
    wanted = pa.array(ids, pa.uint64())
    places: dict[int, dict[str, Any]] = {}
    for name in provenance_files(run):
        table = pq.read_table(pa.BufferReader(run.source.read(name)), columns=list(_COLUMNS))
        found = table.filter(pc.is_in(table["trace_id"], value_set=wanted))
        places |= {row["trace_id"]: row for row in found.to_pylist()}
    lost = [one for one in ids if one not in places]
    if lost:
        raise RecipeError(
            f"`{run.location}` has no trace {lost[0]}", "it was packed again after this training run began"
        )
    return places


def _loss(folder: Path, step: int) -> float | None:
    found = [entry for entry in read_journal(Path(folder, METRICS)) if entry["step"] == step]
    losses = [entry["loss/train/total"] for entry in found if "loss/train/total" in entry]
    return losses[-1] if losses else None
