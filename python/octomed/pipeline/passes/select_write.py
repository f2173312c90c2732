"""SELECT and WRITE: what is scanned is laid out, written with its tables, and closed by the run file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING

from octomed.pipeline.calls.counting import (
    blocks_of_run,
    counts_of_run,
    files_skipped,
    rows_read,
    with_amounts,
)
from octomed.pipeline.calls.layouts import made_layout
from octomed.pipeline.calls.scanners import scanner_of, scanners
from octomed.pipeline.output.decontamination import write_decontamination
from octomed.pipeline.output.tables import write_identifying, write_near_duplicates, write_shared_images
from octomed.pipeline.passes.closing import close_run, write_indexes
from octomed.pipeline.planning.run_spec import layout_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from octomed import _octomed
    from octomed.errors import DataError
    from octomed.pipeline.inputs.scanned import ScannedTask
    from octomed.pipeline.output.manifest import Manifest
    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.pipeline.threads.executor import Threads
    from octomed.report.progress import Progress
    from octomed.run_file import RunFile, StoreTraffic


@dataclass(frozen=True)
class SelectAndWrite:
    """The passes after the scan.

    Attributes
    ----------
    spec
        The run.
    scanners
        Those that its plan made, by key.
    manifest
        What of its output is finished; only what it does not name is written.
    progress
        Told of the shards.
    empty
        Makes the error for a run without packs, of the rows read, the layout and the number of files skipped.
    told
        Told of the layout, before a shard is written.
    finish
        Called when all is written, before anything says so.
    traffic
        Returns what stores were asked for the run.
    """

    spec: RunSpec
    scanners: Mapping[str, _octomed.Scanner]
    manifest: Manifest
    progress: Progress
    empty: Callable[[int, _octomed.Layout, int], DataError]
    told: Callable[[_octomed.Layout], None] | None = None
    finish: Callable[[], None] | None = None
    traffic: Callable[[], dict[str, StoreTraffic]] = dict

    def run(
        self,
        scanned: Sequence[ScannedTask],
        threads: Threads,
        seconds: dict[str, float],
        made_again: Sequence[str] = (),
    ) -> RunFile:
        """Decide, write what is missing, and close the run.

        Parameters
        ----------
        scanned
            All tasks, in source order.
        threads
            Of the run.
        seconds
            What earlier passes took; what these take is added.
        made_again
            What did not read and was made again.

        Raises
        ------
        DataError
            When nothing is left to pack.
        DamagedBlock
            When a block of the working store cannot be read.
        StorageError
            When the output cannot be written.
        """
        from octomed.pipeline.passes.write import LaidOut, write_all  # noqa: PLC0415 as a chain of imports is short

        spec, manifest = self.spec, self.manifest
        begin = time.perf_counter()
        self.progress.stage("select", None, None)
        layout_spec = layout_of(spec, blocks_of_run(scanned, spec.store))
        with scanners.lend(self.scanners):
            layout = threads.wait(threads.submit_background(made_layout, layout_spec, threads, scanner_of))
        skipped = files_skipped(scanned, spec.files_skipped)
        if layout.counts().train == 0:
            raise self.empty(rows_read(scanned), layout, len(skipped))
        seconds |= seconds_of_selection(layout, seconds_since(begin))
        if self.told is not None:
            self.told(layout)

        begin = time.perf_counter()
        written = write_all(LaidOut(layout_spec, layout), spec.sources, manifest, threads, self.progress)
        shared = self._write_reports(layout)
        if self.finish is not None:
            self.finish()
        seconds["write"] = seconds_since(begin)
        begin = time.perf_counter()
        if manifest.uploads is not None:
            manifest.uploads.settle(self.progress)
            seconds["upload"] = seconds_since(begin)
        write_indexes(manifest)

        bytes_out = sum(shard.info.file.bytes for shard in manifest.shards.values())
        counts = counts_of_run(scanned, layout, bytes_out=bytes_out, skipped=skipped, left_out=spec.left_out)
        counts = replaced(counts, images_shared=shared)
        making = replaced(
            with_amounts(spec.said.run, scanned),
            seconds=seconds,
            workers=threads.workers,
            shards_written=written,
            shards_reused=len(manifest.shards) - written,
            made_again=tuple(made_again),
            uploads=None if manifest.uploads is None else manifest.uploads.counts,
            traffic=self.traffic(),
        )
        return close_run(spec, layout.stream_summaries(), manifest, counts, making)

    def _write_reports(self, layout: _octomed.Layout) -> int | None:
        """Write the tables of what rules found; return how many images are shared, where that is counted."""
        spec, manifest = self.spec, self.manifest
        reports = spec.settings["curate"]["duplicates"]["images"] == "report"
        shared = write_shared_images(layout, manifest) if reports else None
        write_near_duplicates(layout, manifest)
        if any("identifying" in limits for limits in spec.settings["curate"].get("limits", {}).values()):
            write_identifying(layout, manifest)
        write_decontamination(layout, manifest, shows_texts=spec.shows_texts)
        return shared


def seconds_of_selection(layout: _octomed.Layout, spent: float) -> dict[str, float]:
    """Return the seconds of the selection, those in which texts of near duplicates were compared apart."""
    near = layout.near_summary()
    if near is None:
        return {"select": spent}
    compared = round(near["seconds_compared"], 3)
    return {"select": round(max(0.0, spent - compared), 3), "near": compared}


def seconds_since(begin: float) -> float:
    """Seconds since ``begin`` (``time.perf_counter``), to the millisecond."""
    return round(time.perf_counter() - begin, 3)
