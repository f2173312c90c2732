"""The accounts of a finished run: sums that agree, and a reject for all that was left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.errors import StorageError
from octomed.report.views import Finding
from octomed.run_file import RUN_FILE, VALIDATION
from octomed.store import StoredFile

if TYPE_CHECKING:
    from octomed.run_file import Counts, RunFile
    from octomed.store import Store

_Sum = tuple[str, int, str, int]
"""What is counted, how many, its parts, and what these add up to."""


def check_counts(run: RunFile) -> list[Finding]:
    """Add up the counts of ``octomed.json``: rows read, traces made, and what lies in the streams."""
    counts, streams = run.counts, run.streams.values()
    rows = counts.rows_unreadable + counts.rows_without_trace + counts.rows_with_traces
    packed = counts.train + counts.validation
    sums = [
        ("rows read", counts.rows, "unreadable, without a trace and with traces", rows),
        ("traces made", counts.traces, "packed and rejected", packed + sum(counts.rejected.values())),
    ]
    written = {"traces": packed + counts.copies, "packs": counts.packs, "tokens": counts.tokens}
    for key, number in written.items():
        parts = sum(getattr(stream, key) for stream in streams)
        sums.append((f"{key} packed", number, "in its streams", parts))
    of_validation = run.streams[VALIDATION].traces if VALIDATION in run.streams else 0
    sums.append(("traces of validation", counts.validation, "in its stream", of_validation))
    # One wrong total makes many sums wrong: parts are looked at once the totals agree.
    return _wrong(sums) or _wrong(_sums_of_reasons(counts) + _sums_of_sources(counts))


def _wrong(sums: list[_Sum]) -> list[Finding]:
    return [
        Finding(RUN_FILE, f"its counts do not agree: {total} {what}, and {found} {parts}")
        for what, total, parts, found in sums
        if total != found
    ]


def _sums_of_reasons(counts: Counts) -> list[_Sum]:
    """Compare refused rows with their reasons; a run of an earlier version has none."""
    refused = counts.rows_refused
    if refused is None:
        return []
    if not set(refused) <= set(_octomed.REASONS):  # of another version: which are unreadable is not known
        both = counts.rows_unreadable + counts.rows_without_trace
        return [("rows refused", both, "by reason", sum(refused.values()))]
    of_kind = dict.fromkeys((True, False), 0)
    for reason, number in refused.items():
        of_kind[_octomed.REASONS[reason]] += number
    return [
        ("rows unreadable", counts.rows_unreadable, "by reason", of_kind[True]),
        ("rows without a trace", counts.rows_without_trace, "by reason", of_kind[False]),
    ]


_OF_SOURCES = (
    "rows", "rows_unreadable", "rows_without_trace", "traces", "train", "validation", "copies", "tokens",
    "supervised_tokens",
)  # fmt: skip


def _sums_of_sources(counts: Counts) -> list[_Sum]:
    """Compare the run's counts with the sums of its sources'; an earlier version's run has none."""
    accounts = list(counts.sources.values())
    if not accounts:
        return []
    parts = "in its sources"
    sums = [
        (name.replace("_", " "), getattr(counts, name), parts, sum(getattr(one, name) for one in accounts))
        for name in _OF_SOURCES
    ]
    for key, what in (("rows_refused", "rows"), ("rejected", "traces")):
        found: Counter[str] = Counter()
        for account in accounts:
            found.update(getattr(account, key))
        counted = getattr(counts, key) or {}
        reasons = sorted(found.keys() | counted.keys())
        sums += [(f"{what} `{reason}`", counted.get(reason, 0), parts, found[reason]) for reason in reasons]
    return sums


def check_rejects(store: Store, run: RunFile) -> list[Finding]:
    """Read the tables of rejects, and compare what they list with the counts of ``octomed.json``."""
    listed: Counter[_Fate] = Counter()
    findings = []
    for name in table_names(store, run, "rejects/"):
        try:
            listed += _reasons(store, name)
        except (OSError, pa.ArrowException, KeyError, StorageError) as error:
            findings.append(unreadable(name, error))
    return findings or _differences(listed, run.counts)


def table_names(store: Store, run: RunFile, prefix: str) -> list[str]:
    """Return the names of tables that the run wrote, or of those that there are, where it does not say."""
    if run.run.files is None:
        return tables_there(store, prefix)
    return [name for name in run.run.files if name.startswith(prefix)]


def tables_there(store: Store, prefix: str) -> list[str]:
    """Return the names of tables that there are, whoever wrote them."""
    return [name for name in store.names(prefix) if name.endswith(".parquet")]


def unreadable(name: str, error: Exception) -> Finding:
    """Return the finding for a table that is missing or damaged."""
    if isinstance(error, FileNotFoundError):
        return Finding(name, "it is missing", missing=True)
    return Finding(name, f"it cannot be read: {error}")


_Fate = tuple[str, str]
"""`rows` or `traces`, and why they were left out; of rows one for all, where a run does not count reasons."""


def _reasons(store: Store, name: str) -> Counter[_Fate]:
    """Count a table's traces, and its rows that made no trace, by reason."""
    listed: Counter[_Fate] = Counter()
    with StoredFile(store, name) as file, pq.ParquetFile(file) as table:
        for batch in table.iter_batches():
            of_row = pc.is_null(batch.column("sample"))
            for what, chosen in (("rows", of_row), ("traces", pc.invert(of_row))):
                for reason in pc.value_counts(batch.column("reason").filter(chosen)):
                    listed[what, str(reason["values"].as_py())] += reason["counts"].as_py()
    return listed


def _differences(listed: Counter[_Fate], counts: Counts) -> list[Finding]:
    counted: Counter[_Fate] = Counter({("traces", why): number for why, number in counts.rejected.items()})
    rows = sum(number for (what, _), number in listed.items() if what == "rows")
    refused = counts.rows_unreadable + counts.rows_without_trace
    if rows == refused and counts.rows_refused is not None:
        counted.update({("rows", why): number for why, number in counts.rows_refused.items()})
    else:  # reasons are not counted, or say no more than that the number is wrong
        listed = Counter({fate: number for fate, number in listed.items() if fate[0] != "rows"})
        listed["rows", ""], counted["rows", ""] = rows, refused
    return [
        Finding(
            "rejects/*.parquet",
            f"{listed[what, why]} {what}{f' `{why}`' if why else ''}, "
            f"and `{RUN_FILE}` counts {counted[what, why]}",
        )
        for what, why in sorted(listed | counted)
        if listed[what, why] != counted[what, why]
    ]
