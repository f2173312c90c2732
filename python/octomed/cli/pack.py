"""`octomed pack`: a recipe's rows become shards."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from octomed.cli.options import AsJson, Overrides, RecipePath, Workers
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import console, log, out, resumable


def command(
    recipe: RecipePath,
    workers: Workers = None,
    overrides: Overrides = None,
    json_output: AsJson = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete another recipe's run in the output folder first.")
    ] = False,
) -> None:
    """Pack a recipe's traces into MDS shards. Finished work of earlier runs is reused.

    With --json, progress goes to standard error as one object per line, and the summary to standard output.
    Events: `stage`, `progress`, `message`, `stage_done`, `stage_stopped` (the run failed in it), `error`.
    Relative paths, those of --set too, start at the recipe's folder.

    \b
    Examples:
      octomed pack recipes/quickstart.yaml
      octomed pack recipes/quickstart.yaml --workers 2 --set pack.capacity=8192 --set output.path=../runs/8k
      octomed pack recipes/quickstart.yaml --json 2>progress.jsonl >summary.json
    """
    from octomed.pipeline.passes.run import pack
    from octomed.recipe import load_recipe
    from octomed.report.progress import progress_for

    loaded = load_recipe(recipe, overrides or ())
    if not json_output:
        for text in loaded.notes():
            log(f"note: {text}")
    progress = progress_for(sys.stderr, json_lines=json_output)
    try:
        with resumable(_again(recipe, overrides, workers, replace=replace)):
            stop_by_signals()
            summary = pack(loaded, workers=workers, replace=replace, progress=progress)
    finally:
        progress.close()
    if json_output:
        out(summary.to_json())
    else:
        summary.show(console())
        for warning in summary.warnings:
            log(f"warning: {warning}")


def _again(recipe: RecipePath, overrides: Overrides, workers: Workers, *, replace: bool) -> list[str]:
    from octomed.commands import as_argument, set_options

    options = ["--workers", str(workers)] if workers else []
    options += ["--replace"] if replace else []
    return ["octomed", "pack", as_argument(str(recipe)), *options, *set_options(overrides or ())]
