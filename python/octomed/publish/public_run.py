"""The run file of a published run: a run like any other, without what is of the machine that packed it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed.publish.recipe_values import public_name, without_paths
from octomed.run_file import Making
from octomed.storage import content_key

if TYPE_CHECKING:
    from octomed.run_file import RunFile

_MADE = ("finished", "machine", "python", "pyarrow", "seconds", "workers", "blocks_scanned", "blocks_reused",
         "shards_written", "shards_reused", "bytes_in", "bytes_store", "peak_memory")  # fmt: skip
_CHOICES = ("machine", "paths", "rejects", "reports")
"""What is left out of the run's files unless it is asked for."""


def public_key(run: RunFile, include: frozenset[str]) -> str:
    """Return the key of what is published: another one than the run's own, of which it holds less."""
    return content_key({"published": run.run.write_key, "include": sorted(include), "digest": run.run.digest})


def public_run(
    run: RunFile, key: str, include: frozenset[str], *, files: tuple[str, ...], manifest: str | None
) -> RunFile:
    """Return the run file of a published run.

    Parameters
    ----------
    run
        The run's own.
    key
        Of what is published.
    include
        What is published besides.
    files
        Names of the published files beside the shards.
    manifest
        Digest of their manifest.
    """
    made = {name: getattr(run.run, name) for name in _MADE} if "machine" in include else {}
    making = Making(
        recipe_file=None,
        write_key=key,
        model=public_name(run.run.model),
        files=files,
        manifest=manifest,
        left_out=tuple(name for name in _CHOICES if name not in include),
        **made,
    )
    if "paths" in include:
        making = replace(making, model=run.run.model, inputs=run.run.inputs, notes=run.run.notes)
        return replace(run, run=making)
    counts = replace(run.counts, files_skipped={}, files_left_out={}, notes=())
    model = without_paths(run.model)
    return replace(run, recipe=without_paths(run.recipe), model=model, counts=counts, run=making)
