"""WRITE: the layout's shards, range by range, then the tables and the files that close a run."""

from __future__ import annotations

import contextlib
import itertools
import platform
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.mds_index import INDEX, ShardInfo
from octomed.pipeline.difference import inputs_of, origin_of, versions
from octomed.pipeline.executor import raise_failures, results
from octomed.pipeline.manifest_file import ShardRecord
from octomed.run_file import FORMAT, Counts, Making, RunFile, StreamEntry, TokenizerFacts, write_run_file
from octomed.storage import atomic_file, make_folder_inside, write_atomically
from octomed.strict_json import plain, read_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from octomed.pipeline.executor import Executor
    from octomed.pipeline.manifest import Manifest
    from octomed.pipeline.plan import Plan
    from octomed.report.progress import Progress
    from octomed.storage import Mode


def write_all(
    layout: _octomed.Layout, plan: Plan, manifest: Manifest, threads: Executor, progress: Progress
) -> int:
    """Write the shards that do not stand and all tables; return how many shards were written.

    At most two ranges are open: the one whose shards are encoded, and beside it the next one, being read
    ahead, or the last shards of the one before.
    """
    missing = {number: _missing(layout, number, manifest) for number in range(layout.ranges)}
    shards = [_shard_path(layout, *shard) for shards in missing.values() for shard in shards]
    manifest.begin(shards, layout.streams)
    for name in (*layout.streams, "provenance"):
        make_folder_inside(manifest.folder, name, manifest.mode)
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
        written = read_as(ShardRecord, self.range.write_shard(stream, shard, str(folder), self.cancel))
        info = written.info
        self.manifest.add_shard(f"{stream}/{info.file.basename}", written)
        self.progress.advance(rows=info.samples, bytes=info.raw_data.bytes, tokens=0, rejects=0)

    def provenance(self, stream: str) -> None:
        name = _provenance_name(stream, self.number)
        write_parquet(self.manifest.folder / name, self.range.provenance(stream), mode=self.manifest.mode)
        self.manifest.add_file(name)


def write_parquet(
    path: Path, first: pa.RecordBatch, others: Iterable[pa.RecordBatch] = (), mode: Mode = "umask"
) -> None:
    """Write a table as :func:`octomed.storage.atomic_file` does, batch by batch as they come.

    Raises
    ------
    StorageError
        When the file cannot be written; no half file is left.
    """
    with (
        atomic_file(path, mode=mode) as file,
        pq.ParquetWriter(file, first.schema, compression="zstd") as writer,
    ):
        for batch in itertools.chain([first], others):
            if batch.num_rows:
                writer.write_batch(batch)


def write_rejects(layout: _octomed.Layout, plan: Plan, manifest: Manifest) -> None:
    """Write one table a source that has rejects, in source order."""
    folder = manifest.folder / "rejects"
    make_folder_inside(manifest.folder, "rejects", manifest.mode)
    by_source: dict[str, list[int]] = {source.source.name: [] for source in plan.sources}
    for number, source in enumerate(layout.block_sources):
        by_source[source].append(number)
    for source, numbers in by_source.items():
        name = f"rejects/{source}.parquet"
        if name in manifest.files or not numbers:
            continue
        batches = (batch for number in numbers if (batch := layout.rejects(number)).num_rows)
        first = next(batches, None)
        if first is not None:
            write_parquet(manifest.folder / name, first, batches, manifest.mode)
            manifest.add_file(name)
    with contextlib.suppress(OSError):
        folder.rmdir()


def write_indexes(manifest: Manifest) -> None:
    """Write each stream's ``index.json`` from the manifest's shards, as MDS writes it."""
    streams: dict[str, list[ShardInfo]] = {}
    for name in sorted(manifest.shards):
        streams.setdefault(name.split("/")[0], []).append(manifest.shards[name].info)
    for stream, shards in streams.items():
        name = f"{stream}/{INDEX}"
        write_atomically(manifest.folder / name, _octomed.index_json(plain(shards)), mode=manifest.mode)
        manifest.add_file(name)


def said_by_plan(plan: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what of a `RunFile`, and of its `Making`, is known before anything is read.

    A finished run whose file says something else is not the run that was asked for, even where all its shards
    stand: the file is written anew.
    """
    recipe = plan.recipe
    run = {
        "name": recipe.name,
        "recipe": recipe.canonical(),
        "model": plan.model.describe() | {"name": recipe.canonical()["model"]},
        "tokenizer": TokenizerFacts(
            plan.tokenizer.content_hash, plan.tokenizer.path, plan.tokenizer.vocabulary_size
        ),
        "capacity": recipe.pack.capacity,
        "columns": dict(_octomed.COLUMNS),
        "versions": versions(),
    }
    making = {
        **vars(origin_of(recipe)),
        "write_key": plan.write_key,
        "inputs": inputs_of(plan),
        "model": recipe.model,
        "notes": (*plan.model.notes, *plan.inputs.notes),
    }
    return run, making


def close_run(
    plan: Plan, layout: _octomed.Layout, manifest: Manifest, counts: Counts, facts: dict[str, Any]
) -> RunFile:
    """Write the manifest, then ``octomed.json`` with its digest, and return what that says.

    Parameters
    ----------
    plan, layout, manifest
        Of the run, whose files are all written.
    counts
        What no machine or time changes.
    facts
        What of `Making` only this call knows.
    """
    said, making = said_by_plan(plan)
    streams = {name: read_as(StreamEntry, entry) for name, entry in layout.stream_summaries().items()}
    run = RunFile(
        **said,
        format=FORMAT,
        streams={
            name: replace(entry, index=manifest.files[f"{name}/{INDEX}"].digest)
            for name, entry in streams.items()
        },
        counts=counts,
        run=Making(
            **making,
            **facts,
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            machine=f"{platform.machine()} {platform.system()}",
            python=platform.python_version(),
            pyarrow=pa.__version__,
            files=tuple(sorted(manifest.files)),
            manifest=manifest.finish(),
        ),
    )
    # Every other file is on the disk, and so is its name: this one, which says that all is done, comes last.
    write_run_file(manifest.folder, run, manifest.mode)
    return run


def seconds_since(begin: float) -> float:
    """Seconds since ``begin`` (``time.perf_counter``), to the millisecond."""
    return round(time.perf_counter() - begin, 3)
