"""What the report of a finished run shows: read out of its tables, its packs and, for texts, its sources."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.inspect_run import inspect_run
from octomed.pipeline.finished.near_pictures import pairs_of
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import store_of
from octomed.pipeline.finished.run_tables import batches_of, rows_of
from octomed.pipeline.output.decontamination import CONTAMINATED, COUNTS, NEAR_PICTURES
from octomed.report.citation import sources_of
from octomed.report.identifying import searches_for_identifying
from octomed.report.recipe_text import yaml_of
from octomed.report.run_report import SAMPLES, Cluster, Lengths, RunReport, Sample
from octomed.store import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from octomed.report.near_pictures import NearPictures
    from octomed.run_file import RunFile

_MOST_CLUSTERS = 100
_MOST_MEMBERS = 20
_MOST_QUESTIONS = 100
_MOST_PAIRS = 60

_CLUSTERS = "reports/near_duplicates.parquet"


def report_of(folder: Path, *, samples: bool = True) -> RunReport:
    """Return what the report of a finished run shows.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    samples
        Whether texts of traces and rows are shown; a recipe that says `report: {samples: false}` shows none.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    DataError
        When a table of the run is missing or damaged.
    """
    run = read_run(folder)
    allowed = samples and allows_samples(run)
    texts, notes = _samples(folder, run) if allowed else ((), ())
    by_source, by_group = _lengths(folder, run)
    clusters, found = _clusters(folder, run)
    return RunReport(
        run=run,
        view=inspect_run(folder),
        by_source=by_source,
        by_group=by_group,
        samples=texts,
        clusters=clusters if allowed else (),
        clusters_found=found,
        decontamination=decontamination_of(folder, run),
        contaminated=_contaminated(folder, run) if allowed else (),
        near_pictures=_near_pictures(folder, run) if allowed else (),
        texts=_about_texts(run) if allowed else "",
        recipe=yaml_of(run.recipe),
        notes=notes,
    )


def allows_samples(run: RunFile) -> bool:
    """Tell whether the recipe lets texts be shown."""
    section = run.recipe.get("report")
    return not (isinstance(section, dict) and section.get("samples") is False)


def decontamination_of(folder: Path, run: RunFile) -> dict[str, Any]:
    """Return what a run says of its evaluation sets; nothing where it was compared with none."""
    if COUNTS not in (run.run.files or ()):
        return {}
    with StoredFile(store_of(folder), COUNTS) as file:
        values: dict[str, Any] = json.loads(file.read())
    return values


def _samples(folder: Path, run: RunFile) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    from octomed.pipeline.finished.report_samples import samples_of  # noqa: PLC0415 only where texts are shown

    found = samples_of(folder, run)
    return tuple(found.shown), tuple(found.notes)


def _about_texts(run: RunFile) -> str:
    """Say which texts are on the page, and whether anybody has looked for whom they are about."""
    said = (
        f"this page shows texts of the data: of each source up to {SAMPLES} packed traces, from the first "
        f"packs of its shards, and up to {SAMPLES} rows for each reason why some were left out, drawn by "
        "their places among the first rows of their files, the same ones whenever it is written"
    )
    if searches_for_identifying(run):
        return f"{said}. Rows that were flagged for identifying data are not among them."
    return f"{said}. Nobody looked for identifying data in them (`curate.identifying`)."


def _lengths(folder: Path, run: RunFile) -> tuple[tuple[Lengths, ...], tuple[Lengths, ...]]:
    """Return how long packed traces are, by source and by group, counted by powers of two."""
    counts: dict[str, Counter[int]] = {name: Counter() for name in run.sources}
    for name in table_names(store_of(folder), run, "provenance/"):
        for batch in batches_of(folder, name, ["source", "length"]):
            for source, powers in _powers(batch):
                counts.setdefault(source, Counter()).update(powers)
    groups: dict[str, Counter[int]] = {}
    for entry in sources_of(run):
        group = entry.get("group")
        if isinstance(group, str):
            groups.setdefault(group, Counter()).update(counts.get(str(entry["name"]), Counter()))
    return tuple(map(_named, counts.items())), tuple(map(_named, groups.items()))


def _named(entry: tuple[str, Counter[int]]) -> Lengths:
    return Lengths(entry[0], dict(entry[1]))


def _powers(batch: pa.RecordBatch) -> Iterator[tuple[str, Counter[int]]]:
    """Yield the sources of a batch, each with the lengths of its traces, counted by powers of two."""
    lengths = np.maximum(batch.column("length").to_numpy(), 1)
    powers = np.frexp(lengths.astype(np.float64))[1] - 1
    sources = batch.column("source").dictionary_encode()
    numbers = sources.indices.to_numpy(zero_copy_only=False)
    for number, name in enumerate(sources.dictionary.to_pylist()):
        found, times = np.unique(powers[numbers == number], return_counts=True)
        yield str(name), Counter(dict(zip(found.tolist(), times.tolist(), strict=True)))


def _contaminated(folder: Path, run: RunFile) -> tuple[dict[str, Any], ...]:
    return tuple(itertools.islice(rows_of(folder, run, CONTAMINATED), _MOST_QUESTIONS))


def _near_pictures(folder: Path, run: RunFile) -> tuple[NearPictures, ...]:
    from octomed.pipeline.finished.hidden_places import hidden_places  # noqa: PLC0415 as above

    found = pairs_of(rows_of(folder, run, NEAR_PICTURES), hidden_places(folder, run))
    return tuple(itertools.islice(found, _MOST_PAIRS))


def _clusters(folder: Path, run: RunFile) -> tuple[tuple[Cluster, ...], int]:
    """Return the largest clusters of near duplicates, first in their table, and how many there are."""
    clusters: dict[int, list[dict[str, Any]]] = {}
    for row in rows_of(folder, run, _CLUSTERS):
        number = int(row["cluster"])
        if number not in clusters and len(clusters) == _MOST_CLUSTERS:
            break
        clusters.setdefault(number, []).append(row)
    return tuple(map(_cluster, clusters.values())), max(run.counts.near_clusters or 0, len(clusters))


def _cluster(rows: list[dict[str, Any]]) -> Cluster:
    return Cluster(int(rows[0].get("size", len(rows))), tuple(map(_member, rows[:_MOST_MEMBERS])))


def _member(row: dict[str, Any]) -> tuple[str, str]:
    """Return a line for a member of a cluster, and its text, which is there unless samples are off."""
    place = f"{row['source']}/{row['file']} row {row['row']} sample {row['sample']}"
    similarity = row.get("jaccard")
    fate = "stays" if row.get("kept") else "left out"
    near = "" if similarity is None else f", Jaccard {similarity:.2f}"
    return f"{place} ({fate}{near})", str(row.get("text") or "")
