"""A run from recipe to shards: plan, scan, select, write."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from octomed import _octomed, machine
from octomed.errors import StorageError
from octomed.names import shown
from octomed.pipeline.difference import about_run
from octomed.pipeline.executor import CancelledRun, Executor, executor
from octomed.pipeline.half_written import remove_half_written
from octomed.pipeline.manifest import LOCK_NAME, RUN_FILE, Manifest, refuse_foreign_files, shard_size
from octomed.pipeline.manifest import NAME as MANIFEST_NAME
from octomed.pipeline.nothing_left import nothing_left
from octomed.pipeline.plan import Plan, plan, refuse_full_disk
from octomed.pipeline.registry import drop_blocks, register_run
from octomed.pipeline.scan import scan
from octomed.pipeline.storage import content_key, locked, make_folder, read_json, with_hint
from octomed.pipeline.write import (
    said_by_plan,
    seconds_since,
    write_all,
    write_indexes,
    write_run_file,
)
from octomed.report.progress import Progress, SilentProgress
from octomed.report.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from octomed.pipeline.scanned import ScannedTask
    from octomed.recipe import InputFile, Recipe


def pack(
    recipe: Recipe,
    *,
    workers: int | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Pack a recipe's traces into MDS shards.

    What an earlier run, whole or killed, has finished is used again; the bytes of the output depend on
    recipe and inputs alone.

    Parameters
    ----------
    recipe
        The recipe (:func:`octomed.recipe.load_recipe`).
    workers
        Threads; by default one a core.
    replace
        Delete the files of another run in the output folder, once there is something to put in their place.
    progress
        Told how the run goes on.

    Returns
    -------
    Summary
        Counts whose sums agree, and where the time went.

    Raises
    ------
    RecipeError, DataError, StorageError
        As :mod:`octomed.errors` says; finished work stands, and the same call resumes it.
    """
    progress = progress or SilentProgress()
    begin = time.perf_counter()
    planned = plan(recipe)
    refuse_foreign_files(planned.output, store=planned.store)
    make_folder(planned.output)
    make_folder(planned.store)
    busy = f"another run is writing to `{planned.output}`"
    cleaning = f"`octomed clean` is at work in `{planned.store}`"
    with contextlib.ExitStack() as locks:
        locks.enter_context(locked(planned.output / LOCK_NAME, exclusive=True, busy=busy))
        using = locks.enter_context(contextlib.ExitStack())
        using.enter_context(locked(planned.store / LOCK_NAME, exclusive=False, busy=cleaning))
        done = _standing(planned)
        if done is not None:
            return done
        manifest = Manifest.open(
            planned.output,
            planned.write_key,
            replace=replace,
            about=about_run(planned),
            replacing=recipe.command("pack", "--replace", arguments=("replace=True",)),
        )
        standing = manifest.replaces or manifest
        refuse_full_disk(planned, standing=sum(map(shard_size, standing.shards.values())))
        manifest.write()
        register_run(planned.store, planned.output, [task.key for _, task in planned.tasks()])
        try:
            with executor(workers or machine.cores(), locks) as threads, _stopping(progress):
                summary = _run(planned, manifest, threads, progress, begin)
        except StorageError as error:
            raise with_hint(error) from error.__cause__
        except (KeyboardInterrupt, CancelledRun) as error:  # a cancelled run's reason is on its way
            remove_half_written(planned)
            if isinstance(error, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from None
        finally:
            progress.close()
        if not recipe.work.keep:
            using.close()
            _drop_blocks(planned, progress)
        return summary


def _drop_blocks(planned: Plan, progress: Progress) -> None:
    """Remove the blocks of a run that is to keep none, unless somebody else may be reading them."""
    tasks = [task.key for _, task in planned.tasks()]
    if not drop_blocks(planned.store, planned.output, tasks):
        progress.message(
            f"`work.keep: false`: another run is at work in `{shown(str(planned.store))}`, and the blocks "
            "stay: `octomed clean --everything` with this recipe removes them"
        )


@contextlib.contextmanager
def _stopping(progress: Progress) -> Iterator[None]:
    """Say of a stage that fails or is interrupted that it stopped, not that it is done."""
    try:
        yield
    except BaseException:
        progress.stop()
        raise


def _standing(planned: Plan) -> Summary | None:
    """Return the summary of a finished run whose files all stand."""
    found = read_json(planned.output / RUN_FILE)
    if found is None or not _says_the_same(found, planned):
        return None
    if (read_json(planned.output / MANIFEST_NAME) or {}).get("key") != planned.write_key:
        return None
    manifest = Manifest.open(planned.output, planned.write_key, replace=False)
    expected = sum(stream["shards"] for stream in found["streams"].values())
    if len(manifest.shards) != expected or set(found["run"]["files"]) - set(manifest.files):
        return None
    return Summary.from_run_file(found, output=str(planned.output), already_done=True)


def _says_the_same(found: dict[str, Any], planned: Plan) -> bool:
    """Tell whether a run's file says what it would say if it were written now, whose shards all stand.

    Policies and paths of the recipe, files that are not read, notes: none is in a key, as none changes a
    shard, and yet a run that says something else of them is another run.
    """
    said = said_by_plan(planned)
    of_run = said.pop("run")
    counts = found.get("counts", {})
    skipped = {
        f"{source.source.name}/{file}": reason
        for source in planned.sources
        for file, reason in source.bad_files.items()
    }
    pairs = [(found.get(name), value) for name, value in said.items()]
    pairs += [(found.get("run", {}).get(name), value) for name, value in of_run.items()]
    pairs.append((counts.get("files_left_out"), planned.left_out()))
    pairs += [(counts.get("files_skipped", {}).get(name), reason) for name, reason in skipped.items()]
    return all(content_key(before) == content_key(now) for before, now in pairs)


def _run(planned: Plan, manifest: Manifest, threads: Executor, progress: Progress, begin: float) -> Summary:
    seconds = {"plan": seconds_since(begin)}
    begin = time.perf_counter()
    scanned = scan(planned, threads, progress)
    seconds["scan"] = seconds_since(begin)

    begin = time.perf_counter()
    progress.stage("select", None, None)
    layout = _lay_out(planned, scanned, threads)
    if layout.packs == 0:
        skipped = len(_skipped(planned, scanned))
        raise nothing_left(_rows_read(scanned), layout, planned.recipe, files_skipped=skipped)
    seconds["select"] = seconds_since(begin)

    begin = time.perf_counter()
    written = write_all(layout, planned, manifest, threads, progress)
    write_indexes(manifest)
    seconds["write"] = seconds_since(begin)

    counts = _counts(planned, scanned, layout, manifest)
    run = {
        "seconds": seconds,
        "workers": threads.workers,
        "blocks_scanned": sum(done.blocks_scanned for done in scanned),
        "blocks_reused": sum(len(done.headers) - done.blocks_scanned for done in scanned),
        "shards_written": written,
        "shards_reused": len(manifest.shards) - written,
        "bytes_in": sum(file.size for file in _files(planned)),
        "bytes_store": sum(
            header["stored_bytes"] + _octomed.INDEX_ROW_BYTES * header["traces"]
            for done in scanned
            for header in done.headers
        ),
        "files": sorted(manifest.files.keys() - {RUN_FILE}),  # which a run over an earlier one has already
    }
    write_run_file(planned, layout, manifest, {"data": counts, "run": run})
    found = read_json(planned.output / RUN_FILE)
    assert found is not None
    return Summary.from_run_file(found, output=str(planned.output), already_done=False)


def _files(planned: Plan) -> list[InputFile]:
    return list({task.file.path: task.file for _, task in planned.tasks()}.values())


def _lay_out(planned: Plan, scanned: list[ScannedTask], threads: Executor) -> _octomed.Layout:
    pack = planned.recipe.pack
    output = planned.recipe.output
    blocks = _blocks(planned, scanned)
    call = threads.submit_aside(
        lambda: _octomed.Layout(
            blocks,
            capacity=pack.capacity,
            edges=list(pack.buckets),
            exact_duplicates=planned.recipe.curate.duplicates.exact,
            over_long_is_error=planned.recipe.curate.over_long == "error",
            seed=pack.seed,
            compression=output.compression,
            hashes=list(output.hashes),
            shard_size=output.shard_size,
            threads=threads.workers,
            cancel=threads.cancel,
        )
    )
    return threads.wait(call)


def _blocks(planned: Plan, scanned: list[ScannedTask]) -> list[tuple[str, int]]:
    """Blocks in source order, with the row number of their task's first row; files read in part are out."""
    bad = _bad_files(scanned)
    blocks: list[tuple[str, int]] = []
    rows_before: dict[tuple[str, str], int] = {}
    for done in scanned:
        file = done.task.file
        name = (file.source, file.relative)
        first_row = rows_before.get(name, 0) if done.task.first_row is None else done.task.first_row
        if name not in bad:
            folder: Path = planned.folder(done.task)
            blocks += [(str(folder / str(number)), first_row) for number in range(len(done.headers))]
        rows_before[name] = first_row + done.rows
    return blocks


def _bad_files(scanned: list[ScannedTask]) -> dict[tuple[str, str], str]:
    return {(done.task.file.source, done.task.file.relative): done.bad for done in scanned if done.bad}


def _rows_read(scanned: list[ScannedTask]) -> int:
    return sum(header["rows"] for done in scanned if not done.bad for header in done.headers)


def _skipped(planned: Plan, scanned: list[ScannedTask]) -> dict[str, str]:
    skipped = {f"{source}/{file}": reason for (source, file), reason in _bad_files(scanned).items()}
    for source in planned.sources:
        skipped |= {f"{source.source.name}/{file}": reason for file, reason in source.bad_files.items()}
    return skipped


def _counts(
    planned: Plan, scanned: list[ScannedTask], layout: _octomed.Layout, manifest: Manifest
) -> dict[str, Any]:
    """Everything that the closing summary counts and that no machine or time changes."""
    bad = _bad_files(scanned)
    headers = [
        header
        for done in scanned
        if (done.task.file.source, done.task.file.relative) not in bad
        for header in done.headers
    ]
    counts: dict[str, Any] = dict(layout.counts())
    rows, unreadable, without = (
        sum(header[name] for header in headers) for name in ("rows", "rows_unreadable", "rows_without_trace")
    )
    accounts = layout.source_accounts()
    refused: Counter[str] = sum((Counter(one["rows_refused"]) for one in accounts.values()), Counter())
    return {
        **_further_counts(headers),
        "rows": rows,
        "rows_refused": dict(sorted(refused.items())),
        "sources": accounts,
        "rows_unreadable": unreadable,
        "rows_without_trace": without,
        "rows_with_traces": rows - unreadable - without,
        "bytes_text": sum(header["text_bytes"] for header in headers),
        "bytes_out": sum(
            (info["zip_data"] or info["raw_data"])["bytes"] for info in manifest.shards.values()
        ),
        "straddling": sum(header["straddling"] for header in headers),
        "files_skipped": _skipped(planned, scanned),
        "files_left_out": planned.left_out(),
        **counts,
    }


_ROW_COUNTS = frozenset({"rows", "rows_unreadable", "rows_without_trace"})
"""Those of a block's header that have names of their own above."""


def _further_counts(headers: list[dict[str, Any]]) -> dict[str, int]:
    """Add up whatever else the blocks count of their rows."""
    names = {name for header in headers for name in header if name.startswith("rows_")} - _ROW_COUNTS
    return {name: sum(header.get(name, 0) for header in headers) for name in sorted(names)}
