"""The accounts of a finished run: sums that agree, and a reject for all that was left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.pipeline.finding import Finding
from octomed.pipeline.write import RUN_FILE
from octomed.recipe.opening import native

if TYPE_CHECKING:
    from pathlib import Path


def check_counts(run: dict[str, Any]) -> list[Finding]:
    """Add up the counts of ``octomed.json``: rows read, traces made, and what lies in the streams."""
    counts, streams = run["counts"], run["streams"].values()
    rows = [counts[name] for name in ("rows_unreadable", "rows_without_trace", "rows_with_traces")]
    sums = [
        ("rows read", counts["rows"], "unreadable, without a trace and with traces", sum(rows)),
        ("traces made", counts["traces"], "packed and rejected", _traces(counts)),
    ]
    for key, of_stream in (("train", "traces"), ("packs", "packs"), ("tokens", "tokens")):
        parts = sum(stream[of_stream] for stream in streams)
        sums.append((f"{of_stream} packed", counts[key], "in its streams", parts))
    return [
        Finding(RUN_FILE, f"its counts do not agree: {total} {what}, and {found} {parts}")
        for what, total, parts, found in sums
        if total != found
    ]


def _traces(counts: dict[str, Any]) -> int:
    return int(counts["train"]) + sum(counts["rejected"].values())


def check_rejects(folder: Path, run: dict[str, Any]) -> list[Finding]:
    """Read the tables of rejects, and compare what they list with the counts of ``octomed.json``."""
    listed: Counter[str | None] = Counter()
    findings = []
    for name in table_names(folder, run, "rejects/"):
        try:
            listed += _reasons(folder / name)
        except (OSError, pa.ArrowException, KeyError) as error:
            findings.append(unreadable(name, error))
    return findings or _differences(listed, run["counts"])


def table_names(folder: Path, run: dict[str, Any], prefix: str) -> list[str]:
    """Return the names of tables that the run wrote, or of those that there are, where it does not say."""
    there = [str(path.relative_to(folder)) for path in sorted(folder.glob(f"{prefix}*.parquet"))]
    return [name for name in run["run"].get("files", there) if name.startswith(prefix)]


def unreadable(name: str, error: Exception) -> Finding:
    """Return the finding for a table that is missing or damaged."""
    if isinstance(error, FileNotFoundError):
        return Finding(name, "it is missing", missing=True)
    return Finding(name, f"it cannot be read: {error}")


def _reasons(path: Path) -> Counter[str | None]:
    """Count a table's traces by reason, and under ``None`` its rows that made no trace."""
    listed: Counter[str | None] = Counter()
    with native(str(path)) as file, pq.ParquetFile(file) as table:
        for batch in table.iter_batches():
            of_row = pc.is_null(batch.column("sample"))
            listed[None] += pc.sum(of_row).as_py() or 0
            for reason in pc.value_counts(batch.column("reason").filter(pc.invert(of_row))):
                listed[reason["values"].as_py()] += reason["counts"].as_py()
    return listed


def _differences(listed: Counter[str | None], counts: dict[str, Any]) -> list[Finding]:
    counted: Counter[str | None] = Counter(counts["rejected"])
    counted[None] = counts["rows_unreadable"] + counts["rows_without_trace"]
    return [
        Finding(
            "rejects/*.parquet",
            f"{listed[reason]} {f'traces `{reason}`' if reason else 'rows'}, "
            f"and `{RUN_FILE}` counts {counted[reason]}",
        )
        for reason in sorted(listed | counted, key=str)
        if listed[reason] != counted[reason]
    ]
