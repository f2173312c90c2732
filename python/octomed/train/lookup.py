"""From a training step back to source rows: what lies behind a spike of the loss."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.errors import RecipeError
from octomed.pipeline.finished.inspect_images import mode_in
from octomed.report.views import StepTrace, StepView
from octomed.storage import FILE_MODES
from octomed.stream import open_run
from octomed.stream.pack_table import provenance_files
from octomed.strict_json import read_as
from octomed.train.facts import read_facts
from octomed.train.journal import METRICS, TRACES, read_journal
from octomed.train.step_images import images_of_traces

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
    DataError, StorageError
        When a file of the folder is damaged, or a shard whose images the step showed.
    """
    facts = read_facts(folder)
    logs = facts.folder_of_traces or folder
    ranks = dict(_ids_of(logs, step))
    if not ranks:
        raise RecipeError(f"`{folder}` has no step {step}", _known_steps(logs))
    locations = facts.runs or (facts.data,)
    wanted: dict[int, set[int]] = {}
    for seen in ranks.values():
        for number, one in seen:
            wanted.setdefault(number, set()).add(one)
    runs = {number: _run(locations, number) for number in wanted}
    found = {number: _traces(runs[number], sorted(ids)) for number, ids in wanted.items()}
    traces = [
        dataclasses.replace(found[number][one], rank=rank)
        for rank, seen in sorted(ranks.items())
        for number, one in seen
    ]
    modes = {mode_in(run.content.recipe) for run in runs.values()}
    mode = next(one for one in FILE_MODES if one in modes)  # the first is the narrowest
    return StepView(step, _loss(folder, step), facts.data, tuple(traces), mode)


@dataclass(frozen=True)
class _Ids:
    trace_ids: tuple[int, ...] = ()
    runs: tuple[int, ...] | None = None


def _rank_of(path: Path) -> int:
    rank = path.stem.removeprefix("traces-rank")
    return int(rank) if rank.isdecimal() else 0


def _run(locations: tuple[str, ...], number: int) -> Run:
    if number >= len(locations):
        raise RecipeError(
            f"the log of traces names run {number + 1} of {len(locations)}",
            "it is of another training than the folder's `train.json`",
        )
    return open_run(locations[number])


def _ids_of(folder: Path, step: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield each rank, and its traces: the number of the run, and the id."""
    for path in folder.glob(TRACES):
        for entry in read_journal(path):
            if entry["step"] == step:
                seen = read_as(_Ids, entry)
                runs = seen.runs or (0,) * len(seen.trace_ids)
                yield _rank_of(path), list(zip(runs, seen.trace_ids, strict=True))


def _known_steps(folder: Path) -> str:
    steps = [entry["step"] for path in folder.glob(TRACES) for entry in read_journal(path)]
    if not steps:
        return "it has no `traces-rank*.jsonl`: `callbacks.trace_log` was off, or nothing was trained"
    return f"its steps are {min(steps)} to {max(steps)}"


def _traces(run: Run, ids: list[int]) -> dict[int, StepTrace]:
    """Return traces of a run by their ids, each as one of rank 0."""
    places = _places(run, ids)
    images = images_of_traces(run, places.values())
    return {
        one: StepTrace(
            rank=0,
            run=run.location,
            images=images.get(one, ()),
            **{name: row[name] for name in _COLUMNS},
        )
        for one, row in places.items()
    }


def _places(run: Run, ids: list[int]) -> dict[int, dict[str, Any]]:
    wanted = pa.array(ids, pa.uint64())
    places: dict[int, dict[str, Any]] = {}
    for name in provenance_files(run):
        data = pa.BufferReader(run.source.read(name))
        hashes = {"images"} & set(pq.read_schema(data).names)  # a run of text has none
        table = pq.read_table(data, columns=[*_COLUMNS, *hashes])
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
