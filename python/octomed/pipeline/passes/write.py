"""WRITE: the layout's shards, range by range, and the tables next to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.pipeline.calls.layouts import layouts
from octomed.pipeline.calls.specs import RangeSpec
from octomed.pipeline.calls.work import write_range
from octomed.pipeline.output.decontamination import CONTAMINATED, COUNTS, NEAR_PICTURES
from octomed.pipeline.output.tables import (
    IDENTIFYING,
    NEAR_DUPLICATES,
    SHARED_IMAGES,
    provenance_name,
    rejects_name,
    write_rejects,
)
from octomed.storage import make_folder_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed import _octomed
    from octomed.pipeline.calls.specs import LayoutSpec, ShardWritten
    from octomed.pipeline.output.manifest import Manifest
    from octomed.pipeline.threads.executor import Threads
    from octomed.report.progress import Progress

REPORTS = (NEAR_DUPLICATES, IDENTIFYING, SHARED_IMAGES, COUNTS, CONTAMINATED, NEAR_PICTURES)
"""Tables that a run writes where its rules found something."""

_OPEN_RANGES = 2
"""The one whose shards are encoded, and next to it the next one, being read ahead."""


@dataclass(frozen=True)
class LaidOut:
    """A layout, and what it follows from."""

    spec: LayoutSpec
    layout: _octomed.Layout


def write_all(
    laid_out: LaidOut,
    sources: Sequence[str],
    manifest: Manifest,
    threads: Threads,
    progress: Progress,
) -> int:
    """Write the shards that are missing and all tables; return how many shards were written.

    Parameters
    ----------
    laid_out
        What to write.
    sources
        Names of the recipe's sources, in its order.
    manifest, threads, progress
        Of the run.
    """
    layout, spec = laid_out.layout, laid_out.spec
    specs = [_range_spec(layout, spec, number, manifest, threads.workers) for number in range(layout.ranges)]
    shards = [shard_path(layout, *shard) for one in specs for shard in one.shards]
    manifest.begin(shards, layout.streams, _tables(specs, sources))
    for name in (*layout.streams, "provenance"):
        make_folder_inside(manifest.folder, name, manifest.mode)
    unwritten = [one for one in specs if one.shards or not _has_tables(one, manifest)]
    progress.stage("write", layout.bytes_of([one.number for one in unwritten]), None)
    rejects = threads.submit(write_rejects, layout, sources, manifest)

    def told(shard: ShardWritten) -> None:
        manifest.add_shard(shard.name, shard.record)
        info = shard.record.info
        progress.advance(rows=info.samples, bytes=info.raw_data.bytes, tokens=0, rejects=0)

    with layouts.lend({spec.key: layout}):
        for result in threads.map(write_range, unwritten, at_once=_OPEN_RANGES, told=told):
            manifest.add(result.shards, result.tables)
    threads.wait(rejects)
    return len(shards)


def _tables(specs: Sequence[RangeSpec], sources: Sequence[str]) -> list[str]:
    """Return the names of all tables that a run may write."""
    provenance = (provenance_name(stream, one.number) for one in specs for stream in one.streams)
    return [*provenance, *(rejects_name(source) for source in sources), *REPORTS]


def _range_spec(
    layout: _octomed.Layout, spec: LayoutSpec, number: int, manifest: Manifest, workers: int
) -> RangeSpec:
    """Return what is to be written of a range: a shard that is not in the manifest, and all its tables."""
    shards = layout.shards(number)
    missing = tuple(shard for shard in shards if shard_path(layout, *shard) not in manifest.shards)
    streams = tuple(sorted({stream for stream, _ in shards}))
    return RangeSpec(spec, number, missing, streams, manifest.folder, workers)


def shard_path(layout: _octomed.Layout, stream: str, shard: int) -> str:
    """Path of a shard below the output folder."""
    return f"{stream}/{shard_name(shard, layout.extension)}"


def shard_name(number: int, extension: str) -> str:
    """Name of a shard's file, as MDS numbers them."""
    return f"shard.{number:05}.mds{extension}"


def _has_tables(spec: RangeSpec, manifest: Manifest) -> bool:
    return all(provenance_name(stream, spec.number) in manifest.files for stream in spec.streams)
