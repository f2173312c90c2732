"""WRITE: the layout's shards, range by range, then the tables and the files that close a run."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.pipeline.difference import inputs_of, origin_of, versions
from octomed.pipeline.executor import raise_failures, results
from octomed.pipeline.manifest import RUN_FILE
from octomed.pipeline.storage import make_folder, storage_error, write_atomically, write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from octomed.pipeline.executor import Executor
    from octomed.pipeline.manifest import Manifest
    from octomed.pipeline.plan import Plan
    from octomed.report.progress import Progress


def write_all(
    layout: _octomed.Layout, plan: Plan, manifest: Manifest, threads: Executor, progress: Progress
) -> int:
    """Write the shards that do not stand and all tables; return how many shards were written.

    At most two ranges are open: the one whose shards are encoded, and beside it the next one, being read
    ahead, or the last shards of the one before.
    """
    missing = {number: _missing(layout, number, manifest) for number in range(layout.ranges)}
    manifest.begin([_shard_path(layout, *shard) for shards in missing.values() for shard in shards])
    for name in (*layout.streams, "provenance"):
        make_folder(manifest.folder / name)
    todo = [
        number for number, shards in missing.items() if shards or not _tables_stand(layout, number, manifest)
    ]
    progress.stage("write", layout.bytes_of(todo), None)
    ranges = _OpenRanges(layout, todo, threads)
    rejects = threads.submit(write_rejects, layout, plan, manifest)
    for number in todo:
        write = _RangeWrite(layout, number, ranges.next(), manifest, threads.cancel, progress)
        for stream, shard in missing[number]:
            ranges.submit(write.shard, stream, shard)
        for stream in sorted({stream for stream, _ in layout.shards(number)}):
            ranges.submit(write.provenance, stream)
        manifest.write()
    ranges.finish()
    threads.wait(rejects)
    return sum(map(len, missing.values()))


class _OpenRanges:
    """Ranges read ahead, while the work on the ones before keeps all workers busy."""

    def __init__(self, layout: _octomed.Layout, numbers: list[int], threads: Executor) -> None:
        self._layout = layout
        self._threads = threads
        self._to_open = iter(numbers)
        self._opening = self._open()
        self._before: list[Future[None]] = []
        self._current: list[Future[None]] = []
        self._unseen: list[Future[None]] = []

    def next(self) -> _octomed.Range:
        """Wait for the next range; what is submitted from now on belongs to it."""
        self._end_before()
        self._before, self._current, self._unseen = self._current, [], []
        opened, self._opening = self._threads.wait(self._opening), None
        return opened

    def submit(self, call: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 passed on
        """Queue a call on the range; once all calls on the one before are done, the next is read."""
        self._current.append(self._threads.submit(call, *arguments))
        self._unseen.append(self._current[-1])
        raise_failures(self._unseen)  # a failure ends the run now, not after a range of failures
        if self._before:
            self._before = [future for future in self._before if not _ended_well(future)]
        if not self._before:
            self._end_before()

    def finish(self) -> None:
        """Wait for all calls."""
        self._end_before()
        for _ in results(self._current, self._threads):
            pass

    def _end_before(self) -> None:
        for _ in results(self._before, self._threads):
            pass
        self._before = []
        self._opening = self._opening or self._open()

    def _open(self) -> Future[_octomed.Range] | None:
        number = next(self._to_open, None)
        if number is None:
            return None
        return self._threads.submit_aside(self._layout.open_range, number, self._threads.cancel)


def _ended_well(future: Future[None]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _missing(layout: _octomed.Layout, number: int, manifest: Manifest) -> list[tuple[str, int]]:
    return [shard for shard in layout.shards(number) if _shard_path(layout, *shard) not in manifest.shards]


def _shard_path(layout: _octomed.Layout, stream: str, shard: int) -> str:
    return f"{stream}/{shard_name(shard, layout.extension)}"


def shard_name(number: int, extension: str) -> str:
    """Name of a shard's file, as MDS numbers them."""
    return f"shard.{number:05}.mds{extension}"


def _tables_stand(layout: _octomed.Layout, number: int, manifest: Manifest) -> bool:
    streams = {stream for stream, _ in layout.shards(number)}
    return all(_provenance_name(stream, number) in manifest.files for stream in streams)


def _provenance_name(stream: str, number: int) -> str:
    return f"provenance/{stream}-{number:05}.parquet"


@dataclass(frozen=True)
class _RangeWrite:
    """Writes what a range in memory adds to the output, and notes it in the manifest."""

    layout: _octomed.Layout
    number: int
    range: _octomed.Range
    manifest: Manifest
    cancel: _octomed.Cancel
    progress: Progress

    def shard(self, stream: str, shard: int) -> None:
        folder = self.manifest.folder / stream
        info = self.range.write_shard(stream, shard, str(folder), self.cancel)
        part = info["zip_data"] or info["raw_data"]
        self.manifest.add_shard(f"{stream}/{part['basename']}", info)
        self.progress.advance(rows=info["samples"], bytes=info["raw_data"]["bytes"], tokens=0, rejects=0)

    def provenance(self, stream: str) -> None:
        name = _provenance_name(stream, self.number)
        write_parquet(self.manifest.folder / name, [self.range.provenance(stream)])
        self.manifest.add_file(name)


def write_parquet(path: Path, batches: list[pa.RecordBatch]) -> None:
    """Write a table under a temporary name and rename it.

    Raises
    ------
    StorageError
        When the file cannot be written; no half file is left.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with (
            pa.OSFile(os.fsencode(temporary), mode="w") as sink,  # bytes: a folder's name need not be UTF-8
            pq.ParquetWriter(sink, batches[0].schema, compression="zstd") as writer,
        ):
            for batch in batches:
                if batch.num_rows:
                    writer.write_batch(batch)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error("write", path, error) from error


def write_rejects(layout: _octomed.Layout, plan: Plan, manifest: Manifest) -> None:
    """Write one table a source that has rejects, in source order."""
    folder = manifest.folder / "rejects"
    make_folder(folder)
    by_source: dict[str, list[int]] = {source.source.name: [] for source in plan.sources}
    for number, source in enumerate(layout.block_sources):
        by_source[source].append(number)
    for source, numbers in by_source.items():
        name = f"rejects/{source}.parquet"
        if name in manifest.files or not numbers:
            continue
        batches = [batch for number in numbers if (batch := layout.rejects(number)).num_rows]
        if batches:
            write_parquet(manifest.folder / name, batches)
            manifest.add_file(name)
    with contextlib.suppress(OSError):
        folder.rmdir()


def write_indexes(manifest: Manifest) -> None:
    """Write each stream's ``index.json`` from the manifest's shards, as MDS writes it."""
    streams: dict[str, list[dict[str, Any]]] = {}
    for name in sorted(manifest.shards):
        streams.setdefault(name.split("/")[0], []).append(manifest.shards[name])
    for stream, shards in streams.items():
        name = f"{stream}/index.json"
        write_atomically(manifest.folder / name, _octomed.index_json(shards))
        manifest.add_file(name)


def said_by_plan(plan: Plan) -> dict[str, Any]:
    """Return what ``octomed.json`` says that is known before anything is read.

    A finished run whose file says something else is not the run that was asked for, even where all its shards
    stand: the file is written anew.
    """
    recipe = plan.recipe
    return {
        "format": 1,
        "name": recipe.name,
        "recipe": recipe.canonical(),
        "model": plan.model.describe() | {"name": recipe.canonical()["model"]},
        "tokenizer": {
            "content_hash": plan.tokenizer.content_hash,
            "path": plan.tokenizer.path,
            "vocabulary_size": plan.tokenizer.vocabulary_size,
        },
        "capacity": recipe.pack.capacity,
        "columns": dict(_octomed.COLUMNS),
        "versions": versions(),
        "run": {
            "write_key": plan.write_key,
            **origin_of(recipe),
            "inputs": inputs_of(plan),
            "model": recipe.model,
            "notes": [*plan.model.notes, *plan.inputs.notes],
        },
    }


def write_run_file(plan: Plan, layout: _octomed.Layout, manifest: Manifest, counts: dict[str, Any]) -> None:
    """Write ``octomed.json``: what the run is, and apart from it what depends on machine and time."""
    said = said_by_plan(plan)
    value = {
        **said,
        "streams": layout.stream_summaries(),
        "counts": counts["data"],
        "run": {
            **said["run"],
            "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()} {platform.system()}",
            "python": platform.python_version(),
            "pyarrow": pa.__version__,
            **counts["run"],
        },
    }
    write_json(manifest.folder / RUN_FILE, value)
    manifest.files[RUN_FILE] = (manifest.folder / RUN_FILE).stat().st_size
    manifest.write()


def seconds_since(begin: float) -> float:
    """Seconds since ``begin`` (``time.perf_counter``), to the millisecond."""
    return round(time.perf_counter() - begin, 3)
