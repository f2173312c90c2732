"""`octomed clean`: free the working store of what no run needs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import out


def command(  # noqa: PLR0913, PLR0917 each is an option
    recipe: RecipePath,
    overrides: Overrides = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything", help="Remove blocks in use as well: the next run scans everything again."
        ),
    ] = False,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove blocks in use as well that hold what `curate.exclude` names."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")
    ] = False,
    json_output: AsJson = False,
) -> None:
    """Remove from the recipe's working store what no existing output uses. It says first what that is.

    \b
    Examples:
      octomed clean recipes/quickstart.yaml --dry-run
      octomed clean recipes/quickstart.yaml
      octomed clean recipes/quickstart.yaml --purge --set curate.exclude=withdrawn.txt
    """
    from octomed.pipeline.blocks.cleaning import Cleaned, clean
    from octomed.pipeline.blocks.purging import Excluded
    from octomed.pipeline.blocks.working_store import WorkingStore
    from octomed.recipe import load_recipe
    from octomed.report import units

    stop_by_signals()
    loaded = load_recipe(recipe, overrides or (), check_files=False)
    working, excluded = WorkingStore.of(loaded), Excluded.of(loaded) if purge else None

    def say(cleaned: Cleaned, what: str) -> None:
        size, tasks = units.bytes_of(cleaned.bytes), units.count(len(cleaned.tasks))
        kept, kept_bytes = units.count(cleaned.kept), units.bytes_of(cleaned.kept_bytes)
        out(f"`{working.place}`: {size} of {tasks} tasks {what}, {kept_bytes} of {kept} tasks kept")

    def before(cleaned: Cleaned) -> None:
        if not json_output:
            say(cleaned, "would be removed" if dry_run else "will be removed")

    cleaned = clean(working, everything=everything, excluded=excluded, dry_run=dry_run, told=before)
    if json_output:
        out(json.dumps(asdict(cleaned) | {"dry_run": dry_run}))
        return
    if not dry_run:
        say(cleaned, "removed")
    if purge and not dry_run:
        out(f"note: {units.count(cleaned.purged)} tasks that held what `curate.exclude` names are gone")
        out("note: outputs are as they were, and what stays in the sources is scanned again")
    for note in cleaned.notes:
        out(f"note: {note}")
