"""Provenance against the shards: where each packed trace is from, and where it lies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.errors import StorageError
from octomed.pipeline.finished.reconcile import table_names, unreadable
from octomed.report.views import Finding
from octomed.store import StoredFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from octomed import _octomed
    from octomed.run_file import RunFile
    from octomed.store import Store

_COLUMNS = (
    "trace_id", "copy", "source", "file", "row", "sample",
    "stream", "shard", "pack", "document", "offset", "length",
)  # fmt: skip


@dataclass(frozen=True)
class Packed:
    """What the provenance says of a stream's traces, or of all.

    Attributes
    ----------
    sources
        Traces by source.
    trace_ids, copies
        Of each trace; arrays of one length.
    """

    sources: Counter[str] = field(default_factory=Counter)
    trace_ids: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    copies: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    def __add__(self, other: Packed) -> Packed:
        """Return both together."""
        return Packed(
            self.sources + other.sources,
            np.concatenate([self.trace_ids, other.trace_ids]),
            np.concatenate([self.copies, other.copies]),
        )


def check_provenance(
    store: Store, stream: str, run: RunFile, checks: list[_octomed.ShardCheck] | None
) -> tuple[list[Finding], Packed]:
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
    list of Finding, Packed
        What is wrong, and what the tables say of the traces.
    """
    tables, findings = [], []
    for file in table_names(store, run, f"provenance/{stream}-"):
        try:
            with StoredFile(store, file) as source:
                tables.append(pq.read_table(source, columns=list(_COLUMNS)).unify_dictionaries())
        except (OSError, pa.ArrowException, StorageError) as error:
            findings.append(unreadable(file, error))
    if findings or not checks:
        return findings, Packed()
    if not tables:
        return [Finding("provenance", f"stream `{stream}` has no provenance table", missing=True)], Packed()
    try:
        table = pa.concat_tables(tables).sort_by([("pack", "ascending"), ("document", "ascending")])
        wrong = _wrong_column(table, stream, checks, has_copies=run.counts.copies > 0)
    except (pa.ArrowException, KeyError) as error:
        return [Finding(f"provenance/{stream}-*.parquet", f"it is not a provenance table: {error}")], Packed()
    if wrong is not None:
        what = f"column `{wrong}` is not what the shards hold"
        return [Finding(f"provenance/{stream}-*.parquet", what)], Packed()
    counted = pc.value_counts(table["source"].cast(pa.string())).to_pylist()
    sources = Counter({one["values"]: one["counts"] for one in counted})
    return [], Packed(sources, table["trace_id"].to_numpy(), table["copy"].to_numpy())


def _wrong_column(
    table: pa.Table, stream: str, checks: list[_octomed.ShardCheck], *, has_copies: bool
) -> str | None:
    """Return the first column that does not follow from the shards; of copies see :func:`check_copies`."""
    expected_columns = _expected(checks)
    if not has_copies:
        expected_columns["copy"] = np.zeros(table.num_rows, np.uint32)
    for name, expected in expected_columns.items():
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
    }


def _joined(checks: list[_octomed.ShardCheck], key: str, kind: type[np.generic]) -> Any:  # noqa: ANN401 an array
    return np.concatenate([np.empty(0, kind), *(np.asarray(getattr(check, key), kind) for check in checks)])


def check_sources(run: RunFile, traces: Counter[str]) -> list[Finding]:
    """Compare the traces of each source in all provenance with the counts of ``octomed.json``."""
    counts = {name: one.train + one.validation + one.copies for name, one in run.counts.sources.items()}
    names = sorted(counts.keys() | traces.keys()) if counts else []
    return [
        Finding(
            "provenance/*.parquet",
            f"{traces[name]} traces of source `{name}`, and `octomed.json` counts {counts.get(name, 0)}",
        )
        for name in names
        if traces[name] != counts.get(name, 0)
    ]


def check_copies(run: RunFile, packed: Packed) -> list[Finding]:
    """See that the copies of each trace are numbered from 0, each once, and are as many as are counted."""
    order = np.lexsort((packed.copies, packed.trace_ids))
    ids, copies = packed.trace_ids[order], packed.copies[order].astype(np.int64)
    expected = np.zeros(len(ids), np.int64)
    expected[1:] = np.where(ids[1:] == ids[:-1], copies[:-1] + 1, 0)
    file = "provenance/*.parquet"
    if not np.array_equal(copies, expected):
        wrong = ids[copies != expected][0]
        return [Finding(file, f"the copies of trace {wrong} are not numbered from 0, each once")]
    found = int(np.count_nonzero(copies))
    if found != run.counts.copies:
        return [Finding(file, f"{found} copies, and `octomed.json` counts {run.counts.copies}")]
    return []
