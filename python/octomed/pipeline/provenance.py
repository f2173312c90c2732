"""Provenance against the shards: where each packed trace is from, and where it lies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.errors import StorageError
from octomed.pipeline.reconcile import table_names, unreadable
from octomed.report.views import Finding
from octomed.store import StoredFile

if TYPE_CHECKING:
    from octomed import _octomed
    from octomed.run_file import RunFile
    from octomed.store import Store

_COLUMNS = (
    "trace_id", "copy", "source", "file", "row", "sample",
    "stream", "shard", "pack", "document", "offset", "length",
)  # fmt: skip


def check_provenance(
    store: Store, stream: str, run: RunFile, checks: list[_octomed.ShardCheck] | None
) -> tuple[list[Finding], Counter[str]]:
    """Read a stream's provenance, and compare it with its shards.

    File, row and response are in no shard: they are compared by the digest of the table alone.

    Parameters
    ----------
    store, stream, run
        Whose provenance.
    checks
        What was read of each shard, in order; ``None`` where some could not be read.

    Returns
    -------
    list of Finding, Counter of str
        What is wrong, and the traces by source.
    """
    tables, findings = [], []
    for file in table_names(store, run, f"provenance/{stream}-"):
        try:
            with StoredFile(store, file) as source:
                tables.append(pq.read_table(source, columns=list(_COLUMNS)).unify_dictionaries())
        except (OSError, pa.ArrowException, StorageError) as error:
            findings.append(unreadable(file, error))
    if findings or not checks:
        return findings, Counter()
    if not tables:
        return [Finding("provenance", f"stream `{stream}` has no provenance table", missing=True)], Counter()
    try:
        table = pa.concat_tables(tables).sort_by([("pack", "ascending"), ("document", "ascending")])
        wrong = _wrong_column(table, stream, checks)
    except (pa.ArrowException, KeyError) as error:
        return [
            Finding(f"provenance/{stream}-*.parquet", f"it is not a provenance table: {error}")
        ], Counter()
    if wrong is not None:
        what = f"column `{wrong}` is not what the shards hold"
        return [Finding(f"provenance/{stream}-*.parquet", what)], Counter()
    counted = pc.value_counts(table["source"].cast(pa.string())).to_pylist()
    return [], Counter({one["values"]: one["counts"] for one in counted})


def _wrong_column(table: pa.Table, stream: str, checks: list[_octomed.ShardCheck]) -> str | None:
    """Return the first column that does not follow from the shards."""
    for name, expected in _expected(checks).items():
        column = table[name].to_numpy()
        if len(column) != len(expected) or not np.array_equal(column, expected):
            return name
    streams = pc.unique(table["stream"].cast(pa.string())).to_pylist()
    return None if streams == [stream] else "stream"


def _expected(checks: list[_octomed.ShardCheck]) -> dict[str, Any]:
    """Return the columns that follow from the shards, in the order of packs."""
    lengths = _joined(checks, "lengths", np.uint32)
    documents = _joined(checks, "documents", np.uint32).astype(np.int64)
    shards = np.repeat(np.arange(len(checks)), [check.packs for check in checks])
    first = np.cumsum(documents) - documents
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return {
        "trace_id": _joined(checks, "trace_ids", np.uint64),
        "length": lengths,
        "pack": np.repeat(np.arange(len(documents)), documents),
        "shard": np.repeat(shards, documents),
        "document": np.arange(len(lengths)) - np.repeat(first, documents),
        "offset": ends[:-1] - np.repeat(ends[first], documents),
        "copy": np.zeros(len(lengths), np.uint32),
    }


def _joined(checks: list[_octomed.ShardCheck], key: str, kind: type[np.generic]) -> Any:  # noqa: ANN401 an array
    return np.concatenate([np.empty(0, kind), *(np.asarray(getattr(check, key), kind) for check in checks)])


def check_sources(run: RunFile, traces: Counter[str]) -> list[Finding]:
    """Compare the traces of each source in all provenance with the counts of ``octomed.json``."""
    counts = run.counts.sources
    names = sorted(counts.keys() | traces.keys()) if counts else []
    return [
        Finding(
            "provenance/*.parquet",
            f"{traces[name]} traces of source `{name}`, and `octomed.json` counts "
            f"{counts[name].train if name in counts else 0}",
        )
        for name in names
        if traces[name] != (counts[name].train if name in counts else 0)
    ]
