"""The passes of a repair: what the working store has, the scan of what it lost, then SELECT and WRITE."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from octomed.pipeline.calls.scanners import scanners
from octomed.pipeline.calls.thresholds import stands
from octomed.pipeline.inputs.bad_files import without_bad_files
from octomed.pipeline.inputs.scanned import ScannedTask
from octomed.pipeline.output.difference import recorded_name
from octomed.pipeline.output.manifest_file import is_there
from octomed.pipeline.passes.empty_run import empty_run
from octomed.pipeline.passes.select_write import SelectAndWrite
from octomed.pipeline.repair.staging import StagedManifest
from octomed.store_files import finished_task, forget_task

if TYPE_CHECKING:
    from octomed import _octomed
    from octomed.errors import DataError
    from octomed.pipeline.blocks.shared_blocks import Blocks
    from octomed.pipeline.calls.made_again import MadeAgain
    from octomed.pipeline.calls.specs import TaskSpec
    from octomed.pipeline.repair.damage import Damage
    from octomed.pipeline.repair.plan import RepairPlan
    from octomed.pipeline.repair.recorded import FilePlace
    from octomed.pipeline.repair.staging import Staging
    from octomed.pipeline.threads.executor import Threads
    from octomed.report.progress import Progress
    from octomed.run_file import RunFile


@dataclass(frozen=True)
class Standing:
    """What the working store has of a run's tasks.

    Attributes
    ----------
    scanned
        The tasks that stand, by key, and those of files that the run left out.
    missing
        The others.
    """

    scanned: dict[str, ScannedTask] = field(default_factory=dict)
    missing: list[TaskSpec] = field(default_factory=list)

    @classmethod
    def of(cls, plan: RepairPlan, blocks: Blocks, again: MadeAgain) -> Standing:
        """Look up the tasks of a plan; blocks at an address are fetched."""
        standing = cls()
        blocks.bring(plan.spec.tasks, again)
        skipped = {} if plan.recorded is None else plan.recorded.run.counts.files_skipped
        for spec in plan.spec.tasks:
            task = spec.task
            found = finished_task(spec.local, task.key)
            if found is not None and stands(found.blocks, spec.scanner):
                standing.scanned[task.key] = ScannedTask(task, found.blocks, found.rows, 0)
            elif (why := skipped.get(f"{task.file.source}/{recorded_name(task.file)}")) is not None:
                standing.scanned[task.key] = ScannedTask(task, (), 0, 0, why)
            else:
                standing.missing.append(spec)
        return standing

    @property
    def lost(self) -> frozenset[FilePlace]:
        """Files of the tasks that do not stand."""
        return frozenset((spec.task.file.source, recorded_name(spec.task.file)) for spec in self.missing)


@dataclass(frozen=True)
class Rebuilt:
    """What the passes came to.

    Attributes
    ----------
    run
        The run file, as it would be written now.
    manifest
        All files of the run, those that were sound included.
    shards
        Paths of all shards, in the order in which a run begins them.
    """

    run: RunFile
    manifest: StagedManifest
    shards: tuple[str, ...]


def rebuild(  # noqa: PLR0913, PLR0917 each is a part of the repair
    plan: RepairPlan,
    damage: Damage,
    staging: Staging,
    standing: Standing,
    threads: Threads,
    progress: Progress,
    again: MadeAgain,
    blocks: Blocks,
) -> Rebuilt:
    """Make the files that are missing from a run in the staging folder, and put each in its place.

    Parameters
    ----------
    plan, damage
        The run, and what of it is damaged.
    staging
        Where files are made.
    standing
        What the working store has.
    threads, progress, again, blocks
        Of the repair.

    Raises
    ------
    DamagedBlock
        When a block of the working store does not read.
    """
    spec = replace(plan.spec, output=staging.folder)
    if spec.evaluation is not None:
        spec.evaluation.read(threads.workers)
    made = {source.spec.key: source.scanner for source in plan.planned.sources}
    scanned = _scanned(plan, standing, made, threads, progress, again, blocks)
    manifest = StagedManifest(
        staging.folder,
        spec.write_key,
        damage.shards | staging.shards,
        dict(damage.files),
        about=spec.about,
        mode=spec.output_mode,
        staging=staging,
    )
    shards: list[str] = []

    def empty(rows: int, layout: _octomed.Layout, skipped: int) -> DataError:
        return empty_run(rows, layout, plan.planned.recipe, files_skipped=skipped)

    def laid_out(layout: _octomed.Layout) -> None:
        from octomed.pipeline.passes.write import shard_path  # noqa: PLC0415 a chain of imports is short

        shards.extend(shard_path(layout, *one) for n in range(layout.ranges) for one in layout.shards(n))

    passes = SelectAndWrite(spec, made, manifest, progress, empty, laid_out)
    run = passes.run(scanned, threads, {}, again.notes)
    for name, record in manifest.files.items():
        if is_there(staging.folder, name, record.bytes):  # others are sound, and were not made again
            staging.take(name, record)
    return Rebuilt(run, manifest, tuple(shards))


def _scanned(  # noqa: PLR0913, PLR0917 as above
    plan: RepairPlan,
    standing: Standing,
    made: dict[str, _octomed.Scanner],
    threads: Threads,
    progress: Progress,
    again: MadeAgain,
    blocks: Blocks,
) -> list[ScannedTask]:
    """Return all tasks in source order, those scanned that do not stand."""
    from octomed.pipeline.passes.scan import scan_missing  # noqa: PLC0415 a chain of imports is short

    spec, found = plan.spec, dict(standing.scanned)
    missing = [replace(one, made_again=again.made_again(one.task)) for one in standing.missing]
    if missing:
        progress.stage("scan", sum(one.task.source_bytes for one in missing), None)
        for one in missing:
            forget_task(one.local, one.task.key)
            blocks.forget(one.task.key)
        with scanners.lend(made):
            found |= scan_missing(missing, threads, progress, again, blocks)
    tolerances = {one.task.file.source: one.tolerance for one in spec.tasks}
    return without_bad_files([found[one.task.key] for one in spec.tasks], tolerances, spec.store)
