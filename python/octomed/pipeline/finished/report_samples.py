"""Texts for the report of a run: a few of its packed traces, and a few of the rows that were left out.

Which they are follows from the run alone. What is read for them is bounded: the first packs of a few shards,
and the beginnings of the sources.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from octomed.errors import OctomedError
from octomed.names import without_secrets
from octomed.pipeline.finished.hidden_places import (
    NEVER_SHOWN,
    hidden_places,
    place_of_row,
)
from octomed.pipeline.finished.inspect_packs import document_text, tokenizer_of
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import store_of
from octomed.pipeline.finished.run_tables import batches_of, rows_where
from octomed.pipeline.finished.shard_heads import head_of, packs_of, shards_of
from octomed.report import units
from octomed.report.identifying import searches_for_identifying
from octomed.report.run_report import SAMPLES, Sample
from octomed.report.views import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed import _octomed
    from octomed.run_file import RunFile

_MOST_SAMPLES = 120
_TOO_LARGE = frozenset({"row_too_large"})
"""Reasons whose rows are not read again: what they were left out for would be in memory."""
_MOST_PARSED = 2**20
"""Characters of a row that is taken apart: values of Python are many times as large."""
_MOST_CHARACTERS = 4_000
_SHARDS, _PACKS = 2, 4
"""Shards of a stream, and packs of each of these, that packed traces are looked for in."""
_EARLY_ROWS = 1_024
"""Rows of a file among which the first are drawn: to read on costs more."""
_LEAST_BYTES, _SHARE = 2**22, 100
"""Of each source so many bytes are read again, or the hundredth part of it where that is more."""

_DRAWN = 8
"""Rows of a batch for each source and reason: some of them may be hidden."""
_COLUMNS = ["source", "file", "row", "sample", "pack", "document", "offset", "length"]

_ODD = np.uint64(0x9E3779B97F4A7C15)
"""Makes of row numbers numbers without an order: the golden ratio's fraction, in 64 bits."""


@dataclass
class Samples:
    """What is shown.

    Attributes
    ----------
    shown
        Packed traces first.
    notes
        What is not shown, and why.
    """

    shown: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def samples_of(folder: Path, run: RunFile) -> Samples:
    """Return texts of a run: rows that were flagged for identifying data are never among them.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    run
        Its run file.

    Raises
    ------
    DataError
        When a table of the run is missing or damaged; what is not in its tables is a note.
    """
    found = Samples()
    hidden = hidden_places(folder, run)
    try:
        found.shown += _packed(folder, run, hidden)
    except OctomedError as error:
        found.notes.append(f"What was packed is not shown: {error.message}.")
    packed = {sample.source for sample in found.shown}
    missing = [name for name in run.sources if _is_packed(run, name) and name not in packed]
    if found.shown and missing:
        names = ", ".join(f"`{name}`" for name in missing)
        found.notes.append(f"None of the packs that were looked at has a trace of {names}.")
    _add_rejects(folder, _chosen_rejects(folder, run, hidden), found)
    return found


# What was packed


def _is_packed(run: RunFile, source: str) -> bool:
    counts = run.counts.sources.get(source)
    return counts is not None and counts.train + counts.validation > 0


def _packed(folder: Path, run: RunFile, hidden: frozenset[tuple[str, str, int]]) -> Iterator[Sample]:
    """Yield a few packed traces of each source, as the model sees them, from the first packs of shards."""
    left = dict.fromkeys(run.sources, SAMPLES)
    store, tokenizer = store_of(folder), tokenizer_of(run)
    for stream in run.streams:
        first = 0
        for shard in shards_of(store, stream)[:_SHARDS]:
            packs = range(first, first + min(_PACKS, shard.samples))
            seen = (row for row in _documents(folder, run, stream, packs) if place_of_row(row) not in hidden)
            chosen = _first_of_sources(seen, left)
            if chosen:
                with head_of(store, stream, shard, _PACKS) as head:
                    contents = packs_of(head, len(packs))
                for row in chosen:
                    ids = contents[row["pack"] - first].input_ids
                    yield _sample(run, tokenizer, row, ids)
            first += shard.samples


def _sample(run: RunFile, tokenizer: _octomed.Tokenizer, row: dict[str, Any], ids: Sequence[int]) -> Sample:
    begin, length = row["offset"], row["length"]
    place = f"{row['source']}/{row['file']} row {row['row']} sample {row['sample']}"
    text = document_text(run, tokenizer, ids[begin : begin + min(length, _MOST_CHARACTERS)])
    return Sample("kept", place, f"{length:,} tokens", _cut(without_secrets(text)), str(row["source"]))


def _documents(folder: Path, run: RunFile, stream: str, packs: range) -> list[dict[str, Any]]:
    """Return where the traces of a few packs are from, in their order."""
    wanted = (pc.field("pack") >= packs.start) & (pc.field("pack") < packs.stop)
    rows: list[dict[str, Any]] = []
    for name in table_names(store_of(folder), run, f"provenance/{stream}-"):
        rows += rows_where(folder, name, wanted, _COLUMNS)
        if any(row["pack"] == packs.stop - 1 for row in rows):
            break
    return sorted(rows, key=lambda row: (row["pack"], row["document"]))


def _first_of_sources(rows: Iterable[dict[str, Any]], left: dict[str, int]) -> list[dict[str, Any]]:
    """Return the rows of sources of which more are wanted, and count them."""
    chosen = []
    for row in rows:
        if left.get(row["source"], 0) > 0:
            left[row["source"]] -= 1
            chosen.append(row)
    return chosen


# What was left out


def _add_rejects(folder: Path, chosen: list[Reject], found: Samples) -> None:
    """Add the texts of rows that were left out, source by source; one that cannot be read is a note."""
    from octomed.pipeline.finished.row_text import SourceRows  # noqa: PLC0415 only where texts are shown

    if not chosen:
        return
    try:
        rows = SourceRows(folder)
    except OctomedError as error:
        found.notes.append(f"What was left out is not shown: {error.message}.")
        return
    for source in dict.fromkeys(one.source for one in chosen):
        of_source = sorted(
            (one for one in chosen if one.source == source),
            key=lambda one: (one.file, one.row, one.sample or 0),
        )
        most = max(_LEAST_BYTES, rows.bytes_of(source) // _SHARE)
        read = 0
        try:
            for reject, text in rows.texts(of_source, most_bytes=most):
                # Addresses in a row may be signed.
                narrowed = _cut(without_secrets(_narrowed(text, reject.sample)))
                found.shown.append(Sample(reject.reason, reject.place, reject.detail, narrowed, source))
                read += 1
        except OctomedError as error:
            found.notes.append(f"Rows of `{source}` that were left out are not shown: {error.message}.")
            continue
        if read < len(of_source):
            behind = f"{units.count(len(of_source) - read)} rows of `{source}` that were left out"
            found.notes.append(f"{behind} are not shown: they lie behind what is read again of their files.")


def _chosen_rejects(folder: Path, run: RunFile, hidden: frozenset[tuple[str, str, int]]) -> list[Reject]:
    """Return a few of what was left out for each reason, of each source: the same for the same run."""
    searched_alone = searches_for_identifying(run)
    smallest: dict[tuple[str, str], list[tuple[int, Reject]]] = {}
    columns = ["source", "file", "row", "sample", "reason", "detail"]
    for name in table_names(store_of(folder), run, "rejects/"):
        for batch in batches_of(folder, name, columns):
            for key, rows in _first_of_each(batch):
                if key[1] in NEVER_SHOWN or key[1] in _TOO_LARGE:
                    continue
                listed = smallest.setdefault(key, [])
                seen = [row for row in rows if not (searched_alone and row["sample"] is None)]
                listed += [(_lot(row), Reject(**row)) for row in seen if place_of_row(row) not in hidden]
                listed.sort(key=lambda one: one[0])
                del listed[SAMPLES:]
    found = [reject for listed in smallest.values() for _, reject in listed]
    return found[:_MOST_SAMPLES]


def _first_of_each(batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    """Yield for each source and reason of a batch the rows whose lots come first."""
    sources, reasons = (batch.column(name).dictionary_encode() for name in ("source", "reason"))
    pairs = sources.indices.to_numpy() * max(len(reasons.dictionary), 1) + reasons.indices.to_numpy()
    lots = _lots(batch)
    for pair in np.unique(pairs):
        places = np.flatnonzero(pairs == pair)
        first = places[np.argsort(lots[places], kind="stable")[:_DRAWN]]
        rows = batch.take(pa.array(first)).to_pylist()
        yield (str(rows[0]["source"]), str(rows[0]["reason"])), rows


def _lots(batch: pa.RecordBatch) -> NDArray[np.uint64]:
    """Return a number for each row: early rows of a file come first, and among these none before another."""
    rows = batch.column("row").to_numpy().astype(np.uint64)
    samples = batch.column("sample").fill_null(0).to_numpy().astype(np.uint64)
    mixed = (rows * np.uint64(31) + samples) * _ODD
    lots: NDArray[np.uint64] = ((rows // np.uint64(_EARLY_ROWS)) << np.uint64(32)) | (mixed >> np.uint64(32))
    return lots


def _lot(row: dict[str, Any]) -> int:
    mixed = (row["row"] * 31 + (row["sample"] or 0)) * int(_ODD) % 2**64
    number: int = (row["row"] // _EARLY_ROWS) << 32 | mixed >> 32
    return number


# Texts


def _cut(text: str) -> str:
    return (
        text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} … ({len(text):,} characters)"
    )


def _narrowed(text: str, sample: int | None) -> str:
    """Return a row of many responses with the one that was left out alone; a huge row as it is."""
    if len(text) > _MOST_PARSED:
        return text
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
