"""What a run's scan, selection and writing came to: blocks to lay out, and the counts of `octomed.json`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.filter_record import FilterCost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from octomed.pipeline.inputs.scanned import ScannedTask
    from octomed.run_file import Counts, LeftOut, Making


def blocks_of_run(scanned: Sequence[ScannedTask], store: Path) -> list[tuple[Path, int]]:
    """Return the blocks in source order, each with the row number of its task's first row.

    Parameters
    ----------
    scanned
        All tasks, in source order; files that are left out give no blocks.
    store
        The working store.
    """
    bad = bad_files(scanned)
    blocks: list[tuple[Path, int]] = []
    rows_before: dict[tuple[str, str], int] = {}
    for done in scanned:
        file = (done.task.file.source, done.task.file.relative)
        first_row = rows_before.get(file, 0) if done.task.first_row is None else done.task.first_row
        if file not in bad:
            folder = done.task.folder(store)
            blocks += [(folder / header.name, first_row) for header in done.headers]
        rows_before[file] = first_row + done.rows
    return blocks


def bad_files(scanned: Sequence[ScannedTask]) -> dict[tuple[str, str], str]:
    """Return the files that a scan left out, by source and path, with the reason."""
    return {(done.task.file.source, done.task.file.relative): done.bad for done in scanned if done.bad}


def files_skipped(scanned: Sequence[ScannedTask], by_plan: Mapping[str, str]) -> dict[str, str]:
    """Return the files that the scan or the plan left out, with the reason."""
    by_scan = {f"{source}/{file}": reason for (source, file), reason in bad_files(scanned).items()}
    return {**by_scan, **by_plan}


def rows_read(scanned: Sequence[ScannedTask]) -> int:
    """Return the rows of all files that are not left out."""
    return sum(header.rows for done in scanned if not done.bad for header in done.headers)


def with_amounts(making: Making, scanned: Sequence[ScannedTask]) -> Making:
    """Add to how a run was made what its scan decides."""
    headers = [header for done in scanned for header in done.headers]
    costs: dict[str, FilterCost] = {}
    for done in scanned:
        for name, cost in done.filters.items():
            costs[name] = costs.get(name, FilterCost()) + cost
    files = {done.task.file.path: done.task.file.size for done in scanned}
    return replace(
        making,
        blocks_scanned=sum(done.blocks_scanned for done in scanned),
        blocks_reused=sum(max(0, len(done.headers) - done.blocks_scanned) for done in scanned),
        bytes_in=sum(files.values()),
        filters=costs,
        bytes_store=sum(header.stored_bytes + _octomed.INDEX_ROW_BYTES * header.traces for header in headers),
    )


def counts_of_run(
    scanned: Sequence[ScannedTask],
    layout: _octomed.Layout,
    *,
    bytes_out: int,
    skipped: Mapping[str, str],
    left_out: Mapping[str, dict[str, LeftOut]],
) -> Counts:
    """Return everything that the closing summary counts and that no machine or time changes.

    Parameters
    ----------
    scanned, layout
        What was read, and what of it is packed.
    bytes_out
        Size of all shards.
    skipped, left_out
        Files that were not read, with the reason: named, and found in folders.
    """
    bad = bad_files(scanned)
    headers = [
        header
        for done in scanned
        if (done.task.file.source, done.task.file.relative) not in bad
        for header in done.headers
    ]
    rows, unreadable, without = (
        sum(getattr(header, name) for header in headers)
        for name in ("rows", "rows_unreadable", "rows_without_trace")
    )
    sources = layout.source_accounts()
    refused: Counter[str] = sum((Counter(one.rows_refused) for one in sources.values()), Counter())
    return replace(
        layout.counts(),
        rows=rows,
        rows_refused=dict(sorted(refused.items())),
        sources=sources,
        rows_unreadable=unreadable,
        rows_without_trace=without,
        rows_with_traces=rows - unreadable - without,
        rows_without_pictures=sum(header.rows_without_pictures for header in headers),
        rows_with_images=sum(header.rows_with_images for header in headers),
        bytes_out=bytes_out,
        files_skipped=dict(skipped),
        files_left_out=dict(left_out),
    )
