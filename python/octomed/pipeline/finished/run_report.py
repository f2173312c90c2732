"""The report of a finished run: read out of its tables, its packs and, for what was left out, its sources."""

from __future__ import annotations

import io
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from ruamel.yaml import YAML

from octomed.errors import OctomedError
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.hidden_places import (
    NEVER_SHOWN,
    hidden_places,
    place_of_row,
    searches_for_identifying,
)
from octomed.pipeline.finished.inspect_packs import inspect_pack, mode_of
from octomed.pipeline.finished.inspect_run import inspect_run
from octomed.pipeline.finished.near_pictures import pairs_of
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import far_run, store_of
from octomed.pipeline.finished.run_tables import batches_of, rows_of
from octomed.pipeline.output.decontamination import CONTAMINATED, COUNTS, NEAR_PICTURES
from octomed.report.run_report import REPORT, Cluster, Lengths, RunReport, Sample, page_of
from octomed.report.views import Reject
from octomed.storage import write_atomically
from octomed.store import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed.report.near_pictures import NearPictures
    from octomed.run_file import RunFile

SAMPLES = 2
"""Of each source and reason, and of the packed traces of each source."""
_MOST_SAMPLES = 120
_MOST_CHARACTERS = 4_000
_MOST_CLUSTERS = 100
_MOST_MEMBERS = 20
_MOST_QUESTIONS = 100
_MOST_PAIRS = 60

_CLUSTERS = 100
_MOST_MEMBERS = 20
_MOST_QUESTIONS = 100
_MOST_PAIRS = 60

NEVER_SHOWN = frozenset({"identifying"})
"""Reasons whose rows are in no sample: what they were left out for must not be seen."""

_CLUSTERS = "reports/near_duplicates.parquet"

_ODD = np.uint64(0x9E3779B97F4A7C15)
"""Makes of row numbers numbers without an order: the golden ratio's fraction, in 64 bits."""


def write_report(folder: Path, *, samples: bool = True) -> Path:
    """Write `report.html` into a finished run's folder.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    samples
        Whether texts of traces and rows are shown; a recipe that says `report: {samples: false}` shows none.

    Returns
    -------
    Path
        The file; of a run at an address what was written there.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    DataError
        When a table of the run is missing or damaged.
    """
    path = folder / REPORT
    page = page_of(report_of(folder, samples=samples)).encode()
    write_atomically(path, page, mode=mode_of(folder))
    if far_run(folder) is not None:
        store_of(folder).put(REPORT, page)
    return path


def report_of(folder: Path, *, samples: bool = True) -> RunReport:
    """Return what the report of a finished run shows.

    Parameters
    ----------
    folder, samples
        As for :func:`write_report`.

    Raises
    ------
    RecipeError, DataError
        As there.
    """
    run = read_run(folder)
    notes: list[str] = []
    allowed = samples and _allows_samples(run)
    shown = tuple(_samples(folder, run, notes)) if allowed else ()
    if not allowed:
        notes.append("No text is shown: samples are off.")
    by_source, by_group = _lengths(folder, run)
    clusters, found = _clusters(folder, run)
    clusters = clusters if allowed else ()
    return RunReport(
        run=run,
        view=inspect_run(folder),
        by_source=by_source,
        by_group=by_group,
        samples=shown,
        clusters=clusters,
        clusters_found=found,
        decontamination=_json_of(folder, run, COUNTS),
        contaminated=tuple(itertools.islice(rows_of(folder, run, CONTAMINATED), _MOST_QUESTIONS))
        if allowed
        else (),
        near_pictures=_near_pictures(folder, run) if allowed else (),
        recipe=_yaml(run.recipe),
        notes=tuple(notes),
    )


def _allows_samples(run: RunFile) -> bool:
    section = run.recipe.get("report")
    return not (isinstance(section, dict) and section.get("samples") is False)


def _yaml(recipe: dict[str, Any]) -> str:
    file = io.StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the recipe's own order
    writer.dump(recipe, file)
    return file.getvalue()


def _json_of(folder: Path, run: RunFile, name: str) -> dict[str, Any]:
    if name not in (run.run.files or ()):
        return {}
    with StoredFile(store_of(folder), name) as file:
        values: dict[str, Any] = json.loads(file.read())
    return values


def _lengths(folder: Path, run: RunFile) -> tuple[tuple[Lengths, ...], tuple[Lengths, ...]]:
    """Return how long packed traces are, by source and by group, counted by powers of two."""
    counts: dict[str, Counter[int]] = {name: Counter() for name in run.sources}
    for name in table_names(store_of(folder), run, "provenance/"):
        for batch in batches_of(folder, name, ["source", "length"]):
            for source, powers in _powers(batch):
                counts.setdefault(source, Counter()).update(powers)
    groups: dict[str, Counter[int]] = {}
    for entry in _sources(run):
        group = entry.get("group")
        if isinstance(group, str):
            groups.setdefault(group, Counter()).update(counts[str(entry["name"])])
    return tuple(map(_named, counts.items())), tuple(map(_named, groups.items()))


def _named(entry: tuple[str, Counter[int]]) -> Lengths:
    return Lengths(entry[0], dict(entry[1]))


def _sources(run: RunFile) -> list[dict[str, Any]]:
    listed = run.recipe.get("sources")
    named = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [one for one in named if one.get("name") in run.sources]


def _powers(batch: pa.RecordBatch) -> Iterator[tuple[str, Counter[int]]]:
    """Yield the sources of a batch, each with the lengths of its traces, counted by powers of two."""
    lengths = np.maximum(batch.column("length").to_numpy(), 1)
    powers = np.frexp(lengths.astype(np.float64))[1] - 1
    sources = batch.column("source").dictionary_encode()
    numbers = sources.indices.to_numpy(zero_copy_only=False)
    for number, name in enumerate(sources.dictionary.to_pylist()):
        found, times = np.unique(powers[numbers == number], return_counts=True)
        yield str(name), Counter(dict(zip(found.tolist(), times.tolist(), strict=True)))


def _samples(folder: Path, run: RunFile, notes: list[str]) -> Iterator[Sample]:
    from octomed.pipeline.finished.row_text import SourceRows  # noqa: PLC0415 only where texts are shown

    hidden = hidden_places(folder, run)
    try:
        yield from list(_kept(folder, run, hidden))
    except OctomedError as error:
        notes.append(f"What was packed is not shown: {error.message}.")
    chosen = _chosen_rejects(folder, run, hidden)
    try:
        rows = SourceRows(folder)
    except OctomedError as error:
        notes.append(f"What was left out is not shown: {error.message}.")
        return
    for source in dict.fromkeys(one.source for one in chosen):
        of_source = [one for one in chosen if one.source == source]
        of_source.sort(key=lambda one: (one.file, one.row, one.sample or 0))
        try:
            for reject, text in rows.texts(of_source):
                yield Sample(reject.reason, reject.place, reject.detail, _cut(_narrowed(text, reject.sample)))
        except OctomedError as error:
            notes.append(f"Rows of `{source}` that were left out are not shown: {error.message}.")


def _near_pictures(folder: Path, run: RunFile) -> tuple[NearPictures, ...]:
    found = pairs_of(rows_of(folder, run, NEAR_PICTURES), hidden_places(folder, run))
    return tuple(itertools.islice(found, _MOST_PAIRS))


def _cut(text: str) -> str:
    return (
        text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} … ({len(text):,} characters)"
    )


def _narrowed(text: str, sample: int | None) -> str:
    """Return a row of many responses with the one that was left out alone."""
    try:
        row = json.loads(text)
    except ValueError:
        return text
    if not isinstance(row, dict):
        return text
    for key, value in row.items():
        is_list_of_samples = isinstance(value, list) and key in {"responses", "response", "generations"}
        if sample is not None and is_list_of_samples and sample < len(value):
            row[key] = {f"(number {sample} of {len(value)})": value[sample]}
    lines = (
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in row.items()
    )
    return "\n".join(lines)


def _kept(folder: Path, run: RunFile, hidden: frozenset[tuple[str, str, int]]) -> Iterator[Sample]:
    """Yield a few packed traces of each source, as the model sees them: those of the smallest ids."""
    smallest: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    columns = ["trace_id", "source", "file", "row", "stream", "pack", "document"]
    for name in table_names(store_of(folder), run, "provenance/"):
        for batch in batches_of(folder, name, columns):
            for source, rows in _smallest(batch, ("source",), batch.column("trace_id").to_numpy()):
                listed = smallest.setdefault(source[0], [])
                listed += [(row["trace_id"], row) for row in rows if place_of_row(row) not in hidden]
                listed.sort(key=lambda one: one[0])
                del listed[SAMPLES:]
    for _, row in itertools.chain.from_iterable(smallest.values()):
        view = inspect_pack(folder, row["stream"], row["pack"])[row["document"]]
        text = b"".join(view.token_texts).decode("utf-8", "replace")
        yield Sample("kept", view.place, f"{len(view.token_ids):,} tokens", _cut(text))


def _chosen_rejects(folder: Path, run: RunFile, hidden: frozenset[tuple[str, str, int]]) -> list[Reject]:
    """Return a few of what was left out for each reason, of each source: the same for the same run."""
    searched_alone = searches_for_identifying(run)
    smallest: dict[tuple[str, ...], list[tuple[int, Reject]]] = {}
    for name in table_names(store_of(folder), run, "rejects/"):
        for batch in batches_of(folder, name, ["source", "file", "row", "sample", "reason", "detail"]):
            for key, rows in _smallest(batch, ("source", "reason"), _scattered(batch)):
                if key[1] in NEVER_SHOWN:
                    continue
                listed = smallest.setdefault(key, [])
                seen = [row for row in rows if not (searched_alone and row["sample"] is None)]
                listed += [(_mixed(row), Reject(**row)) for row in seen if place_of_row(row) not in hidden]
                listed.sort(key=lambda one: one[0])
                del listed[SAMPLES:]
    found = [reject for listed in smallest.values() for _, reject in listed]
    return found[:_MOST_SAMPLES]


def _scattered(batch: pa.RecordBatch) -> NDArray[np.uint64]:
    samples = batch.column("sample").fill_null(0).to_numpy().astype(np.uint64)
    rows: NDArray[np.uint64] = (batch.column("row").to_numpy() * np.uint64(31) + samples) * _ODD
    return rows


def _mixed(row: dict[str, Any]) -> int:
    number: int = (row["row"] * 31 + (row["sample"] or 0)) * int(_ODD) % 2**64
    return number


def _smallest(
    batch: pa.RecordBatch, keys: tuple[str, ...], order: NDArray[np.uint64]
) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    """Yield for each combination of values the rows that come first in an order."""
    encoded = [_codes(batch.column(key)) for key in keys]
    joined = np.zeros(batch.num_rows, np.int64)
    for codes, values in encoded:
        joined = joined * max(len(values), 1) + codes
    for number in np.unique(joined):
        places = np.flatnonzero(joined == number)
        first = places[np.argsort(order[places], kind="stable")[:SAMPLES]]
        rows = batch.take(pa.array(first)).to_pylist()
        yield tuple(str(rows[0][key]) for key in keys), rows


def _codes(column: pa.Array) -> tuple[NDArray[np.int64], list[Any]]:
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _clusters(folder: Path, run: RunFile) -> tuple[tuple[Cluster, ...], int]:
    """Return the largest clusters of near duplicates, and how many there are in the table."""
    clusters: dict[int, list[dict[str, Any]]] = {}
    for row in rows_of(folder, run, _CLUSTERS):
        clusters.setdefault(int(row["cluster"]), []).append(row)
    largest = sorted(clusters.values(), key=len, reverse=True)[:_MOST_CLUSTERS]
    return tuple(map(_cluster, largest)), len(clusters)


def _cluster(rows: list[dict[str, Any]]) -> Cluster:
    return Cluster(int(rows[0].get("size", len(rows))), tuple(map(_member, rows[:_MOST_MEMBERS])))


def _member(row: dict[str, Any]) -> tuple[str, str]:
    """Return a line for a member of a cluster, and its text, which is there unless samples are off."""
    place = f"{row['source']}/{row['file']} row {row['row']} sample {row['sample']}"
    similarity = row.get("jaccard")
    fate = "stays" if row.get("kept") else "left out"
    near = "" if similarity is None else f", Jaccard {similarity:.2f}"
    return f"{place} ({fate}{near})", str(row.get("text") or "")
