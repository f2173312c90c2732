"""`octomed clean`: free the working store of what no run needs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import out


def command(
    recipe: RecipePath,
    overrides: Overrides = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything", help="Remove blocks in use as well: the next run scans everything again."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")
    ] = False,
    json_output: AsJson = False,
) -> None:
    """Remove from the recipe's working store what no existing output uses.

    \b
    Examples:
      octomed clean recipes/quickstart.yaml --dry-run
      octomed clean recipes/quickstart.yaml
    """
    from octomed.pipeline.registry import clean
    from octomed.recipe import load_recipe
    from octomed.report import units

    stop_by_signals()
    loaded = load_recipe(recipe, overrides or (), check_files=False)
    cleaned = clean(Path(loaded.work.path), everything=everything, dry_run=dry_run)
    if json_output:
        out(json.dumps(asdict(cleaned) | {"dry_run": dry_run}))
        return
    done = "would be removed" if dry_run else "removed"
    size, tasks = units.bytes_of(cleaned.bytes), units.count(len(cleaned.tasks))
    out(f"`{loaded.work.path}`: {size} of {tasks} tasks {done}, {units.count(cleaned.kept)} tasks kept")
