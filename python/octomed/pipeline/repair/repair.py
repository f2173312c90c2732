"""Repair: the damaged and missing files of a finished run are made again, byte for byte, and no others."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import CancelledRun, DamagedBlock, StorageError
from octomed.foreign.helper import end_idle
from octomed.names import shown
from octomed.pipeline.blocks.forgetting import forget_run
from octomed.pipeline.blocks.registry import register_run
from octomed.pipeline.blocks.shared_blocks import shared_blocks
from octomed.pipeline.calls.made_again import MadeAgain, find_task, remove_block
from octomed.pipeline.calls.prefetch import without_leftovers
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.inspect_images import mode_in
from octomed.pipeline.output.difference import recorded_name
from octomed.pipeline.output.manifest_file import FileRecord, unpacked_name
from octomed.pipeline.repair.damage import damage_of
from octomed.pipeline.repair.place import place_for_repair
from octomed.pipeline.repair.staging import Staging
from octomed.pipeline.repair.state import put_state_files
from octomed.pipeline.threads.executor import executor
from octomed.pipeline.threads.transfers import Transfers
from octomed.report.progress import SilentProgress
from octomed.report.views import Repaired
from octomed.storage import make_folder, remove_temporaries, with_hint
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from octomed.filter_record import FilterRecord
    from octomed.pipeline.blocks.shared_blocks import Blocks
    from octomed.pipeline.blocks.working_store import Held
    from octomed.pipeline.inputs.tasks import Task
    from octomed.pipeline.repair.damage import Damage
    from octomed.pipeline.repair.plan import RepairPlan
    from octomed.pipeline.repair.recorded import FilePlace
    from octomed.report.progress import Progress


def repair(  # noqa: PLR0913 each is an option of the call
    folder: Path,
    *,
    recipe: Path | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    suspects: Collection[str] | None = None,
    filters: tuple[FilterRecord, ...] = (),
) -> Repaired:
    """Make again what is damaged or missing of a finished run: shards, indexes, tables and state files.

    A file goes into its place once its digest is that of the file that was written; what is sound is not
    touched. Blocks come from the working store, and those that it has lost from the sources.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    recipe
        The run's recipe, where that or its model and sources lie elsewhere than the run says.
    workers
        Threads.
    progress
        Told of the progress.
    suspects
        Files of which a verification found something; every file is read by default. What Streaming unpacked
        of a shard is removed, if it is among them.
    filters
        Those of the user's own that the run was packed with: blocks that are lost go through them again.

    Returns
    -------
    Repaired
        What was done, and what could not be.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or the recipe is that of another one; when a run writes to it.
    DataError
        When an input that is needed changed or is gone, by name.
    StorageError
        When a file cannot be written, or neither state file reads.
    """
    if not folder.is_dir():
        read_run(folder)  # says what is there instead
    place = place_for_repair(folder)
    with contextlib.ExitStack() as locks:
        locks.enter_context(without_leftovers())
        locks.enter_context(place.lock(f"a run is writing to `{shown(place.name)}`"))
        damage = damage_of(place, workers, suspects)
        work = _Repair(damage, workers, progress or SilentProgress(), locks, filters)
        try:
            return work.run(recipe, suspects or ())
        except CancelledRun:  # its reason is on its way
            remove_temporaries()
            raise KeyboardInterrupt from None
        except StorageError as error:
            raise with_hint(error) from error.__cause__
        finally:
            work.progress.close()
            end_idle()


@dataclass
class _Repair:
    """A repair at work; the output is locked."""

    damage: Damage
    workers: int
    progress: Progress
    locks: contextlib.ExitStack
    filters: tuple[FilterRecord, ...] = ()
    again: MadeAgain = field(default_factory=MadeAgain)
    blocks_scanned: int = 0
    _store: Held | None = None

    def run(self, given: Path | None, suspects: Collection[str]) -> Repaired:
        """Do what is to be done, the files that others depend on first."""
        damage, mode = self.damage, mode_in(self._recipe_values())
        for name, data in damage.rewritten.items():
            damage.place.write(name, data, mode)
        staging = Staging(damage.place, damage.records, not damage.is_known, mode)
        for unpacked in filter(None, map(unpacked_name, damage.shards)):
            if unpacked in suspects:
                staging.remove(unpacked)
        if damage.records:
            with staging.made():
                if damage.needs_passes:
                    self._by_passes(given, staging)
                else:
                    self._by_manifest(staging)
        return Repaired(
            rebuilt=(*damage.rewritten, *staging.rebuilt),
            removed=tuple(staging.removed),
            left=tuple(staging.left),
            blocks_scanned=self.blocks_scanned,
            notes=tuple(self.again.notes),
        )

    def _recipe_values(self) -> dict[str, Any]:
        run, manifest = self.damage.run, self.damage.manifest
        values = run.recipe if run is not None else manifest.about.recipe if manifest is not None else None
        return values or {}

    def _by_manifest(self, staging: Staging) -> None:
        """Make indexes again, of which the manifest has every line."""
        manifest = self.damage.manifest
        shards = {} if manifest is None else manifest.shards
        for name in staging.wanted:
            stream = name.partition("/")[0]
            infos = [shards[shard].info for shard in sorted(shards) if shard.partition("/")[0] == stream]
            LocalStore(staging.folder, staging.mode).put(name, _octomed.index_json(infos))
            staging.take(name, FileRecord(*_octomed.file_digest(str(staging.folder / name))))

    def _by_passes(self, given: Path | None, staging: Staging) -> None:
        """Select and write again, until every block that is needed for it reads."""
        from octomed.pipeline.repair.filters import (  # noqa: PLC0415
            refuse_other_filters,
            refuse_without_filters,
        )
        from octomed.pipeline.repair.passes import Standing, rebuild  # noqa: PLC0415 a chain of imports is short
        from octomed.pipeline.repair.plan import recipe_of, repair_plan  # noqa: PLC0415

        recipe = recipe_of(self.damage, given)
        refuse_other_filters(self.damage, self.filters)

        def planned(needed: frozenset[FilePlace]) -> RepairPlan:
            if needed:
                refuse_without_filters(self.damage, self.filters)
            return repair_plan(self.damage, recipe, needed, self.workers, self.filters)

        needed: frozenset[FilePlace] = frozenset()
        while True:
            plan = planned(needed)
            self._lock_store(plan, make=False)
            blocks = self._blocks(plan)
            standing = Standing.of(plan, blocks, self.again)
            if plan.recorded is not None and not standing.lost <= needed:
                needed |= standing.lost
                continue
            if standing.missing:
                self._lock_store(plan, make=True)
                register_run(plan.spec.working.states, self._registered(plan), plan.spec.keys)
            try:
                with executor(self.workers, self.locks) as threads:
                    made = rebuild(
                        plan, self.damage, staging, standing, threads, self.progress, self.again, blocks
                    )
            except DamagedBlock as damaged:
                needed |= {self._lost_block(plan, damaged)}
                if plan.recorded is not None:
                    planned(needed)  # is its file what it was? Only then the block goes
                blocks.forget(self._task(plan, damaged).key)
                self._remove(plan, damaged)
                continue
            finally:
                self._remove_touched(plan)
            blocks.finish()
            self.blocks_scanned += made.run.run.blocks_scanned
            put_state_files(self.damage, staging, made)
            if standing.missing and not plan.spec.keeps_blocks and self._store is not None:
                forget_run(plan.spec.working, self._registered(plan), plan.spec.keys, self._store)
            return

    def _lock_store(self, plan: RepairPlan, *, make: bool) -> None:
        """Lock the working store against `clean`, once it is there."""
        store = plan.spec.working
        if make or store.address is not None:
            make_folder(store.folder, store.mode)
        if self._store is None and store.folder.is_dir():
            cleaning = f"`octomed clean` is at work in `{shown(store.place)}`"
            self._store = self.locks.enter_context(store.lock(exclusive=False, busy=cleaning))

    def _blocks(self, plan: RepairPlan) -> Blocks:
        """Return what becomes of blocks where the working store is at an address."""
        transfers = self.locks.enter_context(Transfers())
        touched = set() if plan.recorded is None else plan.recorded.touched
        keeps = plan.spec.keeps_blocks and not touched
        return shared_blocks(plan.spec.working.remote, transfers, keeps=keeps)

    def _registered(self, plan: RepairPlan) -> str:
        """Return how the working store calls the run, wherever that lies now."""
        return plan.spec.working.registered(self.damage.place.name)

    def _lost_block(self, plan: RepairPlan, damaged: DamagedBlock) -> FilePlace:
        """Return the file of a block that does not read."""
        file = self._task(plan, damaged).file
        return file.source, recorded_name(file)

    def _remove(self, plan: RepairPlan, damaged: DamagedBlock) -> None:
        """Remove a block that does not read, so that it is scanned again."""
        task = self._task(plan, damaged)
        folder = task.folder(plan.spec.store)
        self.again.block(task, remove_block(folder, damaged, self.again.made_again(task)))

    @staticmethod
    def _task(plan: RepairPlan, damaged: DamagedBlock) -> Task:
        task = find_task([spec.task for spec in plan.spec.tasks], plan.spec.store, damaged)
        if task is None:
            raise damaged
        return task

    def _remove_touched(self, plan: RepairPlan) -> None:
        """Remove blocks of files that have another time than their key says, though the same content.

        A large file's fingerprint is one of pieces: what was made of it is compared by its digest here, and
        must not stand for the file in other runs.
        """
        touched = set() if plan.recorded is None else plan.recorded.touched
        for spec in plan.spec.tasks:
            if (spec.task.file.source, recorded_name(spec.task.file)) in touched:
                shutil.rmtree(spec.folder, ignore_errors=True)
