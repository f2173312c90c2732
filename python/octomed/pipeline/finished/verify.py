"""Verify: a finished run is what its files say it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.origin import rebuild_command
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.provenance import Packed, check_copies, check_provenance, check_sources
from octomed.pipeline.finished.reconcile import check_counts, check_rejects
from octomed.pipeline.finished.run_places import far_run
from octomed.pipeline.finished.run_reading import FolderReading, RunReading
from octomed.pipeline.output.listing import CHANGED, LINK
from octomed.pipeline.output.manifest_file import NAME, FileRecord, digest_of, load_manifest
from octomed.report.views import Finding, Verified
from octomed.run_file import RUN_FILE, RunFile
from octomed.state import Damaged, NotThere, is_as_written
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from octomed.pipeline.finished.far_runs import FarRun


_TOTALS = ("shards", "packs", "traces", "tokens")


@dataclass
class _Found:
    """What is found as the run is gone through.

    Attributes
    ----------
    of_files
        From names, sizes and digests: one for a file, and only where a closer look says no more.
    findings
        From what the files hold.
    totals
        What was read.
    decoding
        Decodes images, where that is asked for.
    images
        How many were decoded.
    """

    of_files: dict[str, Finding] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TOTALS, 0))
    decoding: _octomed.ImageDecoding | None = None
    images: int = 0

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.of_files.setdefault(finding.file, finding)

    def joined(self) -> tuple[Finding, ...]:
        """Return all; where the very file is known, what is said of all tables together says no more."""
        said = {finding.file for finding in self.findings}
        further = [finding for name, finding in self.of_files.items() if name not in said]
        folders = {finding.file.partition("/")[0] for finding in further}
        closer = [
            finding
            for finding in self.findings
            if "*" not in finding.file or finding.file.partition("/")[0] not in folders
        ]
        return (*closer, *further)


def verify(folder: Path, *, workers: int = 2, quick: bool = False, deep: bool = False) -> Verified:
    """Check every byte of a finished run.

    Names, sizes and digests of all its files; offsets of shards, those that the run wrote and what is
    unpacked beside them; ids against the vocabulary; lengths, spans and capacity of packs; the counts of
    ``octomed.json`` and their sums; that provenance names every trace, once, where it lies; and that what was
    left out is listed.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    workers
        Threads.
    quick
        Compare names and sizes alone, and the digests of ``octomed.json`` and the manifest.
    deep
        Decode every distinct image as well, and compare its size with its grid.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or both `quick` and `deep` are asked for.
    StorageError
        When its ``octomed.json`` is damaged.
    """
    if quick and deep:
        raise RecipeError("a verification is quick or deep", "give one of the two")
    run = read_run(folder)
    far = far_run(folder)
    reading = FolderReading(folder, run, workers) if far is None else _far_reading(far, run, workers)
    found = _Found(decoding=_decoding(run) if deep else None)
    records = _records(folder, run, found)
    listing = reading.listing(records if run.has_digests or quick else {})
    found.add(listing.findings)
    totals: dict[str, int | None] = dict.fromkeys(_TOTALS)
    if quick:
        totals["shards"] = sum("/shard." in name for name in records)
        found.findings += check_counts(run)
    else:
        reading.read_files(records)
        _read_all(reading, run, found)
        found.add(reading.of_files)
        totals.update(found.totals)
    return Verified(
        files=len(records),
        shards=totals["shards"] or 0,
        packs=totals["packs"],
        traces=totals["traces"],
        tokens=totals["tokens"],
        findings=found.joined(),
        rebuild=rebuild_command(run.run),
        quick=quick,
        images=found.images if deep else None,
        has_digests=run.has_digests,
        not_covered=tuple(listing.not_covered),
        left_out=run.run.left_out,
    )


def _far_reading(far: FarRun, run: RunFile, workers: int) -> RunReading:
    from octomed.pipeline.finished.far_reading import FarReading  # noqa: PLC0415 where an address is met

    return FarReading(far, run, workers)


def _decoding(run: RunFile) -> _octomed.ImageDecoding | None:
    """Return what decodes the images of a run; a run of text has none."""
    return None if run.vision is None else _octomed.ImageDecoding(json.dumps(plain(run.vision)))


def _records(folder: Path, run: RunFile, found: _Found) -> dict[str, FileRecord]:
    """Return size and digest of each file of a run, after a look at the files that say so."""
    try:
        if run.has_digests and not is_as_written((folder / RUN_FILE).read_bytes()):
            found.add([Finding(RUN_FILE, CHANGED)])
        manifest = load_manifest(folder)
    except (ValueError, OSError, RecipeError) as error:
        found.add([Finding(NAME, f"it cannot be read: {error}")])
        return {}
    if isinstance(manifest, NotThere | Damaged):
        missing = isinstance(manifest, NotThere)
        what = "it is missing" if isinstance(manifest, NotThere) else f"it is damaged: {manifest.what}"
        found.add([Finding(NAME, what, missing=missing)] if run.has_digests or not missing else [])
        return {}
    if run.has_digests and digest_of(folder, NAME) != run.run.manifest:
        found.add([Finding(NAME, "it is not the one that `octomed.json` was written with")])
    return {name: record for name, record in manifest.records.items() if name != RUN_FILE}


def _read_all(reading: RunReading, run: RunFile, found: _Found) -> None:
    """Look at what the files hold."""
    packed = Packed()
    all_whole = True
    outside = {file.partition("/")[0] for file, finding in found.of_files.items() if finding.what == LINK}
    for name, expected in run.streams.items():
        if name in outside:
            all_whole = False
            continue
        checked = reading.stream(name, found.decoding)
        checks, whole = checked.checks, checked.is_whole
        found.findings += checked.findings
        found.images += checked.images
        seen = {
            "shards": len(checks),
            "packs": sum(check.packs for check in checks),
            "traces": sum(len(check.trace_ids) for check in checks),
            "tokens": sum(check.tokens for check in checks),
        }
        for key, value in seen.items():
            found.totals[key] += value
            if whole and value != getattr(expected, key):
                what = f"stream `{name}` has {value} {key}, not {getattr(expected, key)}"
                found.findings.append(Finding(RUN_FILE, what))
        with reading.tables(f"provenance/{name}-") as store:
            wrong, of_stream = check_provenance(store, name, run, checks if whole else None)
        found.findings += wrong
        packed += of_stream
        all_whole = all_whole and whole and not wrong
    if all_whole:
        found.findings += check_sources(run, packed.sources) + check_copies(run, packed)
    with reading.tables("rejects/") as store:
        found.findings += check_counts(run)
        found.findings += [] if "rejects" in run.run.left_out else check_rejects(store, run)
