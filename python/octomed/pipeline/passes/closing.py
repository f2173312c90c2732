"""The files that close a run: each stream's `index.json`, the manifest, and `octomed.json` after all."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed import _octomed, machine
from octomed.mds_index import INDEX, ShardInfo
from octomed.run_file import FORMAT, Counts, Making, RunFile, write_run_file
from octomed.storage import content_key
from octomed.strict_json import plain, read_as

if TYPE_CHECKING:
    from collections.abc import Mapping

    from octomed.pipeline.output.manifest import Manifest
    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.run_file import StreamEntry


def write_indexes(manifest: Manifest) -> None:
    """Write each stream's ``index.json`` from the manifest's shards, as MDS writes it."""
    streams: dict[str, list[ShardInfo]] = {}
    for name in sorted(manifest.shards):
        streams.setdefault(name.split("/")[0], []).append(manifest.shards[name].info)
    for stream, shards in streams.items():
        name = f"{stream}/{INDEX}"
        manifest.store.put(name, _octomed.index_json(shards))
        manifest.add_last(name)


def says_the_same(found: RunFile, spec: RunSpec) -> bool:
    """Tell whether a run's file says what it would say if it were written now, whose shards are all there.

    Policies and paths of the recipe, files that are not read, notes: none is in a key, as none changes a
    shard, and yet a run that says something else of them is another run.
    """
    pairs: list[tuple[object, object]] = [
        (_before_anything_is_read(found), _without_copies(spec.said)),
        (found.counts.files_left_out, spec.left_out),
        *((found.counts.files_skipped.get(name), why) for name, why in spec.files_skipped.items()),
    ]
    return all(content_key(plain(before)) == content_key(plain(now)) for before, now in pairs)


def _before_anything_is_read(found: RunFile) -> RunFile:
    """Return what of a run's file was known when it began, as `RunSpec.said` has it."""
    run = found.run
    begun = Making(
        recipe_file=run.recipe_file,
        recipe_folder=run.recipe_folder,
        overrides=run.overrides,
        write_key=run.write_key,
        inputs=run.inputs,
        model=run.model,
        notes=run.notes,
    )
    return replace(_without_copies(found), format=FORMAT, streams={}, counts=Counts(), vision=None, run=begun)


def _without_copies(run: RunFile) -> RunFile:
    """Return a run's file without where copies go: the run is the same with one more of them."""
    output = run.recipe.get("output")
    if not isinstance(output, dict) or "copies" not in output:
        return run
    others = {name: value for name, value in output.items() if name != "copies"}
    return replace(run, recipe={**run.recipe, "output": others})


def close_run(
    spec: RunSpec,
    streams: Mapping[str, StreamEntry],
    manifest: Manifest,
    counts: Counts,
    making: Making,
) -> RunFile:
    """Write the manifest, then ``octomed.json`` with its digest, and return what that says.

    Parameters
    ----------
    spec, manifest
        Of the run, whose files are all written.
    streams
        What is in each stream, as the layout says it.
    counts
        What no machine or time changes.
    making
        How it was made, but for what this call adds.
    """
    run = replace(
        spec.said,
        streams={
            name: replace(entry, index=manifest.files[f"{name}/{INDEX}"].digest)
            for name, entry in streams.items()
        },
        counts=counts,
        vision=spec.vision if counts.rows_with_images else None,
        run=replace(
            making,
            planned=spec.planned,
            finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            machine=f"{platform.machine()} {platform.system()}",
            python=platform.python_version(),
            pyarrow=pa.__version__,
            peak_memory=machine.peak_memory(),
            files=tuple(sorted(manifest.files)),
            manifest=manifest.finish(),
        ),
    )
    # Every other file is on the disk, and so is its name: this one, which says that all is done, comes last.
    write_run_file(manifest.folder, run, manifest.mode)
    manifest.publish()
    # As whoever reads the file gets it, its keys in order.
    return read_as(RunFile, json.loads(json.dumps(plain(run), sort_keys=True)))
