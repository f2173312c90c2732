"""A run from recipe to shards: plan, scan, select, write."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING

from octomed import machine
from octomed.errors import CancelledRun, DamagedBlock, StorageError
from octomed.leftovers import clear_store
from octomed.pipeline.blocks.forgetting import forget_run
from octomed.pipeline.blocks.registry import mend_registration, register_run
from octomed.pipeline.blocks.shared_blocks import shared_blocks
from octomed.pipeline.blocks.size_limit import make_room
from octomed.pipeline.blocks.stored_tasks import note_use
from octomed.pipeline.calls.made_again import MadeAgain, find_task, remove_block
from octomed.pipeline.calls.prefetch import without_leftovers
from octomed.pipeline.output.claims import claim
from octomed.pipeline.output.copies import complete
from octomed.pipeline.output.open_manifest import Wanted, open_manifest
from octomed.pipeline.output.staged import staged_manifest
from octomed.pipeline.output.uploads import Uploads
from octomed.pipeline.passes.empty_run import empty_run
from octomed.pipeline.passes.last_pages import write_last_pages
from octomed.pipeline.passes.opener import OnThreads
from octomed.pipeline.passes.outputs import Outputs
from octomed.pipeline.passes.scan import scan
from octomed.pipeline.passes.select_write import SelectAndWrite, seconds_since
from octomed.pipeline.passes.store_traffic import traffic_since_now
from octomed.pipeline.planning.estimate import refuse_full_disk
from octomed.pipeline.planning.plan import plan
from octomed.pipeline.planning.run_spec import run_spec
from octomed.pipeline.threads.transfers import Transfers
from octomed.report.progress import Progress, SilentProgress
from octomed.report.summary import Summary
from octomed.run_file import load_run_file
from octomed.state import there
from octomed.storage import make_folder, remove_temporaries, with_hint
from octomed.store import LocalStore
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from octomed import _octomed
    from octomed.errors import DataError
    from octomed.filter_record import FilterRecord
    from octomed.pipeline.blocks.shared_blocks import Blocks
    from octomed.pipeline.blocks.working_store import Held
    from octomed.pipeline.output.manifest import Manifest
    from octomed.pipeline.passes.opener import Opener
    from octomed.pipeline.planning.plan import Plan
    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.pipeline.threads.executor import Threads
    from octomed.recipe.schema import Recipe
    from octomed.run_file import RunFile, StoreTraffic, Uploaded
    from octomed.storage import Mode


def pack(  # noqa: PLR0913 each is an option of the verb, or of Python alone
    recipe: Recipe,
    *,
    workers: int | None = None,
    replace: bool = False,
    progress: Progress | None = None,
    filters: tuple[FilterRecord, ...] = (),
    executor: Opener | None = None,
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
        Told of the progress of the run.
    filters
        Filters of the user's own that end the scan, in their order.
    executor
        What the work runs on; threads of this process by default.

    Returns
    -------
    Summary
        Counts whose sums agree, and where the time went.

    Raises
    ------
    RecipeError, DataError, StorageError
        As :mod:`octomed.errors` says; finished work is kept, and the same call resumes it.
    """
    begin, traffic = time.perf_counter(), traffic_since_now(recipe)
    planned = plan(recipe, filters=filters)
    workers = workers or machine.cores()
    spec = run_spec(planned, workers)
    outputs = Outputs.of(spec)
    outputs.refuse_foreign_files()
    make_folder(spec.output, spec.output_mode)
    make_folder(spec.store, spec.working.mode)
    with contextlib.ExitStack() as locks:
        locks.enter_context(without_leftovers())
        lock = _lock(spec, outputs, locks)
        outputs.look()
        found = outputs.found if spec.is_staged else load_run_file(spec.output)
        clear_store(spec.store, spec.keys)
        run = there(found)
        wanted = Wanted(spec.write_key, spec.about, replace, spec.replacing)
        if run is not None and outputs.is_finished(run):
            mend_registration(spec.working.states, spec.registered, spec.keys)
            summary = _summary(run, spec, already_done=True)
            copied = _completed(outputs, run, wanted, progress or SilentProgress(), workers)
            outputs.close()
            summary = replaced(summary, uploads=plain(copied), traffic=plain(traffic()))
            return _with_pages(summary, planned, outputs, progress)
        manifest = _manifest(outputs, run, wanted)
        refuse_full_disk(planned, finished=manifest.bytes_there, is_staged=spec.is_staged)
        manifest.write()
        register_run(spec.working.states, spec.registered, spec.keys)
        again = MadeAgain()
        again.said += [*outputs.notes, *lock.notes, *_room_before(planned, spec, lock)]
        transfers = locks.enter_context(Transfers())
        again.state(found)
        again.files(manifest.forgotten, damaged=manifest.damaged)
        scanners = {source.spec.key: source.scanner for source in planned.sources}
        passes = _Passes(
            spec,
            scanners,
            manifest,
            progress or SilentProgress(),
            again,
            lambda rows, layout, skipped: empty_run(rows, layout, planned.recipe, files_skipped=skipped),
            seconds_since(begin),
            shared_blocks(spec.working.remote, transfers, keeps=spec.keeps_blocks),
            traffic,
            executor or OnThreads(),
        )
        summary = passes.run(workers, locks)
        outputs.close()
        summary = _with_pages(summary, planned, outputs, progress)
        return (
            _with_blocks(summary, spec, lock) if spec.keeps_blocks else _without_blocks(summary, spec, lock)
        )


def _lock(spec: RunSpec, outputs: Outputs, locks: contextlib.ExitStack) -> Held:
    """Lock the output against other runs and the store against `clean`; return the lock on the store."""
    outputs.lock(locks)
    cleaning = f"`octomed clean` is at work in `{spec.working.place}`"
    return locks.enter_context(spec.working.lock(exclusive=False, busy=cleaning))


def _completed(
    outputs: Outputs, run: RunFile, wanted: Wanted, progress: Progress, workers: int
) -> Uploaded | None:
    """Put a run that is whole in one place to those where it is not; None where every place has all of it."""
    others = outputs.lacking(run)
    for target in others:
        claim(target, wanted)
    return complete(outputs.spec.output, outputs.whole, others, progress, workers) if others else None


def _manifest(outputs: Outputs, run: RunFile | None, wanted: Wanted) -> Manifest:
    """Return the manifest to go on with: of what stands in the folder, or at the targets."""
    spec = outputs.spec
    notes = outputs.claim(wanted)
    if spec.is_staged:
        manifest = staged_manifest(spec.output, wanted, outputs.targets)
        manifest.damaged = next(iter(notes), None)
    else:
        manifest = open_manifest(spec.output, wanted, run)
    manifest.give_mode(spec.output_mode)
    if outputs.targets:
        keeps = not spec.is_staged
        manifest.uploads = Uploads(spec.output, outputs.targets, keeps=keeps, write_manifest=manifest.write)
    return manifest


def _summary(run: RunFile, spec: RunSpec, *, already_done: bool) -> Summary:
    return Summary.from_run_file(run, output=spec.place, already_done=already_done)


def _with_pages(summary: Summary, planned: Plan, outputs: Outputs, progress: Progress | None) -> Summary:
    """Write the report and the dataset card, unless the recipe wants none, and note what is to be told."""
    section = planned.recipe.report
    if section is not None and section.write is False:
        return summary
    progress = progress or SilentProgress()
    notes = write_last_pages(outputs, progress, missing_only=summary.already_done)
    return replaced(summary, notes=[*summary.notes, *notes])


def _room_before(planned: Plan, spec: RunSpec, lock: Held) -> list[str]:
    """Make room for the blocks that the run is going to add, where the store is to be small."""
    if spec.most_stored is None:
        return []
    missing = (task for _, task in planned.tasks() if planned.finished(task) is None)
    more = sum(task.source_bytes for task in missing)  # ids take less than their texts
    notes = make_room(spec.working, spec.keys, spec.most_stored, lock, more=more)
    lock.share()
    return notes


def _with_blocks(summary: Summary, spec: RunSpec, lock: Held) -> Summary:
    """Note that the run used its blocks, and make the store as small as it is to be."""
    note_use(spec.working, spec.keys)
    most = spec.most_stored
    notes = [] if most is None else make_room(spec.working, spec.keys, most, lock)
    return replaced(summary, notes=[*summary.notes, *notes])


def _without_blocks(summary: Summary, spec: RunSpec, lock: Held) -> Summary:
    """Forget the blocks of a run that keeps none."""
    left = forget_run(spec.working, spec.registered, spec.keys, lock)
    return replaced(summary, notes=[*summary.notes, *([left] if left else [])])


@contextlib.contextmanager
def _stopping(progress: Progress) -> Iterator[None]:
    """Say of a stage that fails or is interrupted that it stopped, not that it is done."""
    try:
        yield
    except BaseException:
        progress.stop()
        raise


@dataclass(frozen=True)
class _Passes:
    """Scan, select and write, again where a block turns out not to read."""

    spec: RunSpec
    scanners: Mapping[str, _octomed.Scanner]
    manifest: Manifest
    progress: Progress
    again: MadeAgain
    empty: Callable[[int, _octomed.Layout, int], DataError]
    planning: float
    blocks: Blocks
    traffic: Callable[[], dict[str, StoreTraffic]]
    executor: Opener

    def run(self, workers: int, locks: contextlib.ExitStack) -> Summary:
        """Run all three; say of a failure how to resume, and leave no temporary files after Ctrl-C."""
        try:
            return _summary(self._until_all_read(workers, locks), self.spec, already_done=False)
        except StorageError as error:
            self._save_notes()
            raise with_hint(error) from error.__cause__
        except (KeyboardInterrupt, CancelledRun) as error:  # a cancelled run's reason is on its way
            self._save_notes()
            remove_temporaries()  # calls that look at no cancel still run, and the process ends first
            if isinstance(error, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from None
        finally:
            self.progress.close()

    def _save_notes(self) -> None:
        """Note what was uploaded until now: it is not made again."""
        if self.manifest.is_staged:
            with contextlib.suppress(StorageError):
                self.manifest.write()

    def _until_all_read(self, workers: int, locks: contextlib.ExitStack) -> RunFile:
        """Run all three until no block is found damaged; each time one is removed, and none twice.

        A damaged block is seen before a byte of it is in a shard, and shards that were written stay.
        """
        while True:
            try:
                opened = self.executor.opened(self.spec, workers, locks, self.progress)
                with opened as threads, _stopping(self.progress):
                    return self._once(threads)
            except DamagedBlock as damaged:
                tasks = [spec.task for spec in self.spec.tasks]
                task = find_task(tasks, self.spec.store, damaged)
                if task is None:
                    raise
                made_again = self.again.made_again(task)
                self.blocks.forget(task.key)
                self.again.block(task, remove_block(task.folder(self.spec.store), damaged, made_again))
                self.again.suspicious = True

    def _once(self, threads: Threads) -> RunFile:
        spec, manifest = self.spec, self.manifest
        seconds = {"plan": self.planning}
        if manifest.uploads is not None:
            manifest.uploads.start(threads, self.progress)
        if (
            spec.evaluation is not None
        ):  # before the scan, which takes longer than to see that a file is missing
            mode: Mode = spec.tasks[0].mode if spec.tasks else "owner"
            spec.evaluation.read(threads.workers, LocalStore(spec.store, mode))
        begin = time.perf_counter()
        scanned = scan(
            spec.tasks, self.scanners, threads, self.progress, again=self.again, blocks=self.blocks
        )
        seconds["scan"] = seconds_since(begin)
        passes = SelectAndWrite(
            spec,
            self.scanners,
            manifest,
            self.progress,
            self.empty,
            finish=self.blocks.finish,
            traffic=self.traffic,
        )
        return passes.run(scanned, threads, seconds, self.again.notes)
