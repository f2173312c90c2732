"""What an earlier run left where a plan's output goes: what stands of it, and what is made again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from octomed.aside import aside
from octomed.pipeline.output.difference import about_run, difference, sources_apart
from octomed.pipeline.output.manifest_file import is_there, load_manifest
from octomed.pipeline.output.output_folder import is_finished
from octomed.pipeline.output.targets import target_at
from octomed.pipeline.passes.closing import says_the_same
from octomed.pipeline.planning.run_spec import run_spec
from octomed.report.planned import Standing
from octomed.run_file import load_run_file
from octomed.state import there

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.pipeline.output.manifest_file import ManifestFile
    from octomed.pipeline.planning.plan import Plan
    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.run_file import RunFile


@dataclass(frozen=True)
class _There:
    """What is at an output: its state, and how to look for its files."""

    manifest: ManifestFile | None
    run: RunFile | None
    is_whole: Callable[[RunFile], bool]
    stands: Callable[[str, int], bool]


def standing_of(plan: Plan) -> Standing | None:
    """Return what is at the output of a plan; None where no run has written anything there.

    Parameters
    ----------
    plan
        The plan.

    Raises
    ------
    StorageError
        When that cannot be seen.
    """
    spec = run_spec(plan, 1)
    found = _at_address(spec) if spec.is_staged else _in_folder(spec)
    manifest, run = found.manifest, found.run
    if manifest is None:
        return None
    if manifest.key != spec.write_key:
        if not any(found.stands(name, record.bytes) for name, record in manifest.records.items()):
            return None
        old = about_run(manifest.key, manifest.about, run)
        what = sources_apart(old, spec.about) or difference(old, spec.about)
        return Standing(spec.place, "other", what, command=spec.replacing)
    sizes = {name: shard.record.bytes for name, shard in manifest.shards.items()}
    standing = [size for name, size in sizes.items() if found.stands(name, size)]
    if run is None or not found.is_whole(run):
        return Standing(spec.place, "begun", shards=len(standing), bytes=sum(standing)) if standing else None
    if says_the_same(run, spec):
        return Standing(spec.place, "complete", shards=len(standing), bytes=sum(standing))
    return Standing(spec.place, "told_otherwise", shards=len(standing), bytes=sum(standing))


def _in_folder(spec: RunSpec) -> _There:
    folder = spec.output
    return _There(
        there(load_manifest(folder)),
        there(load_run_file(folder)),
        partial(is_finished, folder),
        partial(is_there, folder),
    )


def _at_address(spec: RunSpec) -> _There:
    target = target_at(spec.place, spec.output_mode)
    aside(target.look)
    return _There(
        there(target.held.manifest),
        there(target.held.run),
        lambda run: aside(partial(target.is_whole, run)),
        lambda name, size: target.sizes.get(name) == size,
    )
