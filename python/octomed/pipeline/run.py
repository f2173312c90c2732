"""A run from recipe to shards: plan, scan, select, write."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING

from octomed import _octomed, machine
from octomed.errors import DamagedBlock, StorageError
from octomed.leftovers import clear_output, clear_store
from octomed.pipeline.difference import about_run
from octomed.pipeline.estimate import refuse_full_disk
from octomed.pipeline.executor import CancelledRun, Executor, executor
from octomed.pipeline.made_again import MadeAgain, find_task
from octomed.pipeline.manifest import Manifest, is_finished, refuse_foreign_files
from octomed.pipeline.nothing_left import nothing_left
from octomed.pipeline.plan import Plan, plan
from octomed.pipeline.registry import forget_run, mend_registration, register_run
from octomed.pipeline.scan import scan
from octomed.pipeline.write import close_run, said_by_plan, seconds_since, write_all, write_indexes
from octomed.report.progress import Progress, SilentProgress
from octomed.report.summary import Summary
from octomed.run_file import Counts, LeftOut, RunFile, SourceCounts, load_run_file, usable
from octomed.state import there
from octomed.storage import LOCK_NAME, content_key, locked, make_folder, remove_temporaries, with_hint
from octomed.strict_json import plain, read_as

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from octomed.pipeline.scanned import ScannedTask
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe


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
    make_folder(planned.output, recipe.output.mode)
    make_folder(planned.store, recipe.work.mode)
    busy = f"another run is writing to `{planned.output}`"
    cleaning = f"`octomed clean` is at work in `{planned.store}`"
    with contextlib.ExitStack() as locks:
        of_output, of_store = planned.output / LOCK_NAME, planned.store / LOCK_NAME
        locks.enter_context(locked(of_output, exclusive=True, busy=busy, mode=recipe.output.mode))
        lock = locks.enter_context(locked(of_store, exclusive=False, busy=cleaning, mode=recipe.work.mode))
        keys = [task.key for _, task in planned.tasks()]
        clear_output(planned.output)
        clear_store(planned.store, keys)
        done = _standing(planned)
        if done is not None:
            mend_registration(planned.store, planned.output, keys, recipe.work.mode)
            return done
        manifest = Manifest.open(
            planned.output,
            planned.write_key,
            replace=replace,
            about=about_run(planned),
            replacing=recipe.command("pack", "--replace", arguments=("replace=True",)),
        )
        manifest.give_mode(recipe.output.mode)
        standing = manifest.replaces or manifest
        refuse_full_disk(planned, standing=sum(one.info.file.bytes for one in standing.shards.values()))
        manifest.write()
        register_run(planned.store, planned.output, keys, recipe.work.mode)
        again = MadeAgain()
        again.state(load_run_file(planned.output))
        again.files(manifest.forgotten, damaged=manifest.damaged)
        passes = _Passes(planned, manifest, progress, again, seconds_since(begin))
        try:
            summary = passes.run(workers or machine.cores(), locks)
        except StorageError as error:
            raise with_hint(error) from error.__cause__
        except (KeyboardInterrupt, CancelledRun) as error:  # a cancelled run's reason is on its way
            remove_temporaries()  # calls that look at no cancel still run, and the process ends first
            if isinstance(error, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from None
        finally:
            progress.close()
        if not recipe.work.keep:
            left = forget_run(planned.store, planned.output, keys, lock)
            return replaced(summary, notes=[*summary.notes, *([left] if left else [])])
        return summary


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
    found = there(load_run_file(planned.output))
    if found is None or not _says_the_same(found, planned):
        return None
    if not is_finished(planned.output, found):
        return None
    return Summary.from_run_file(found, output=str(planned.output), already_done=True)


def _says_the_same(found: RunFile, planned: Plan) -> bool:
    """Tell whether a run's file says what it would say if it were written now, whose shards all stand.

    Policies and paths of the recipe, files that are not read, notes: none is in a key, as none changes a
    shard, and yet a run that says something else of them is another run.
    """
    said, making = said_by_plan(planned)
    skipped = {
        f"{source.source.name}/{file}": reason
        for source in planned.sources
        for file, reason in source.bad_files.items()
    }
    pairs = [(getattr(found, name), value) for name, value in said.items()]
    pairs += [(getattr(found.run, name), value) for name, value in making.items()]
    pairs.append((found.counts.files_left_out, planned.left_out()))
    pairs += [(found.counts.files_skipped.get(name), reason) for name, reason in skipped.items()]
    return all(content_key(plain(before)) == content_key(plain(now)) for before, now in pairs)


@dataclass(frozen=True)
class _Passes:
    """Scan, select and write, again where a block turns out not to read."""

    planned: Plan
    manifest: Manifest
    progress: Progress
    again: MadeAgain
    planning: float

    def run(self, workers: int, locks: contextlib.ExitStack) -> Summary:
        """Run all three until no block is found damaged; each time one is removed, and none twice.

        A damaged block is seen before a byte of it is in a shard, and shards that were written stand.
        """
        while True:
            try:
                with executor(workers, locks) as threads, _stopping(self.progress):
                    return _run(self, threads)
            except DamagedBlock as damaged:
                found = find_task(self.planned, damaged)
                if found is None:
                    raise
                self.again.block(*found, damaged)
                self.again.suspicious = True


def _run(passes: _Passes, threads: Executor) -> Summary:
    planned, manifest, progress, again = passes.planned, passes.manifest, passes.progress, passes.again
    seconds = {"plan": passes.planning}
    begin = time.perf_counter()
    scanned = scan(planned, threads, progress, again)
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
    facts = {
        "seconds": seconds,
        "workers": threads.workers,
        "blocks_scanned": sum(done.blocks_scanned for done in scanned),
        "blocks_reused": sum(max(0, len(done.headers) - done.blocks_scanned) for done in scanned),
        "shards_written": written,
        "shards_reused": len(manifest.shards) - written,
        "bytes_in": sum(file.size for file in _files(planned)),
        "bytes_store": sum(
            header.stored_bytes + _octomed.INDEX_ROW_BYTES * header.traces
            for done in scanned
            for header in done.headers
        ),
        "made_again": tuple(again.notes),
    }
    close_run(planned, layout, manifest, counts, facts)
    found = usable(load_run_file(planned.output))
    return Summary.from_run_file(found, output=str(planned.output), already_done=False)


def _files(planned: Plan) -> list[InputFile]:
    return list({task.file.path: task.file for _, task in planned.tasks()}.values())


def _lay_out(planned: Plan, scanned: list[ScannedTask], threads: Executor) -> _octomed.Layout:
    blocks = _blocks(planned, scanned)
    recipe = planned.recipe
    settings = {
        "curate": recipe.curate.model_dump(mode="json"),
        "pack": recipe.pack.model_dump(mode="json"),
        "output": recipe.output.model_dump(mode="json", exclude={"path"}),
    }
    call = threads.submit_aside(
        lambda: _octomed.Layout(blocks, settings, threads=threads.workers, cancel=threads.cancel)
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
            blocks += [(str(folder / header.name), first_row) for header in done.headers]
        rows_before[name] = first_row + done.rows
    return blocks


def _bad_files(scanned: list[ScannedTask]) -> dict[tuple[str, str], str]:
    return {(done.task.file.source, done.task.file.relative): done.bad for done in scanned if done.bad}


def _rows_read(scanned: list[ScannedTask]) -> int:
    return sum(header.rows for done in scanned if not done.bad for header in done.headers)


def _skipped(planned: Plan, scanned: list[ScannedTask]) -> dict[str, str]:
    skipped = {f"{source}/{file}": reason for (source, file), reason in _bad_files(scanned).items()}
    for source in planned.sources:
        skipped |= {f"{source.source.name}/{file}": reason for file, reason in source.bad_files.items()}
    return skipped


def _counts(planned: Plan, scanned: list[ScannedTask], layout: _octomed.Layout, manifest: Manifest) -> Counts:
    """Everything that the closing summary counts and that no machine or time changes."""
    bad = _bad_files(scanned)
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
    sources = {name: read_as(SourceCounts, one) for name, one in layout.source_accounts().items()}
    refused: Counter[str] = sum((Counter(one.rows_refused) for one in sources.values()), Counter())
    left_out = planned.left_out()
    return Counts(
        rows=rows,
        rows_refused=dict(sorted(refused.items())),
        sources=sources,
        rows_unreadable=unreadable,
        rows_without_trace=without,
        rows_with_traces=rows - unreadable - without,
        rows_without_pictures=sum(header.rows_without_pictures for header in headers),
        bytes_text=sum(header.text_bytes for header in headers),
        bytes_out=sum(shard.info.file.bytes for shard in manifest.shards.values()),
        straddling=sum(header.straddling for header in headers),
        files_skipped=_skipped(planned, scanned),
        files_left_out={
            source: {why: LeftOut(one["files"], tuple(one["names"])) for why, one in reasons.items()}
            for source, reasons in left_out.items()
        },
        **layout.counts(),
    )
