"""`octomed pack`: a recipe's rows become shards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from octomed.cli.options import AsJson, Overrides, RecipePath, Workers
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import console, log, log_event, out, resumable

if TYPE_CHECKING:
    from octomed.pipeline.cluster.ray_executor import RayExecutor


def command(  # noqa: PLR0913, PLR0917 each is an option
    recipe: RecipePath,
    workers: Workers = None,
    overrides: Overrides = None,
    json_output: AsJson = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete another recipe's run in the output folder first.")
    ] = False,
    executor: Annotated[
        Literal["threads", "ray"],
        typer.Option(
            "--executor", help="What the work runs on: this machine, or the nodes of a Ray cluster."
        ),
    ] = "threads",
) -> None:
    """Pack a recipe's traces into MDS shards. Finished work of earlier runs is reused.

    With --json, progress goes to standard error as one object per line, and the summary to standard output.
    Events: `stage`, `progress`, `message`, `stage_done`, `stage_stopped` (the run failed in it), `error`.
    Relative paths, those of --set too, start at the recipe's folder.
    With --executor ray the work is done by the cluster at RAY_ADDRESS, or by one that is started here; the
    bytes are the same. --workers is then what a node has at most.

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
    nodes = _over_ray(workers) if executor == "ray" else None
    progress = progress_for(sys.stderr, json_lines=json_output)
    try:
        with resumable(_again(recipe, overrides, workers, replace=replace, executor=executor)):
            stop_by_signals()
            threads = workers if nodes is None else None
            summary = pack(loaded, workers=threads, replace=replace, progress=progress, executor=nodes)
    finally:
        progress.close()
    if nodes is not None:
        _tell_of(nodes)
    if json_output:
        out(summary.to_json())
    else:
        summary.show(console())
        for warning in summary.warnings:
            log(f"warning: {warning}")


def _over_ray(workers: Workers) -> RayExecutor:
    from octomed.pipeline.cluster.ray_executor import RayExecutor

    return RayExecutor(workers=workers)


def _tell_of(nodes: RayExecutor) -> None:
    """Say what each node did: as events where they are wanted, and as lines."""
    from octomed.cli.terminal import wants_events

    if wants_events():
        for one in nodes.accounts.values():
            log_event("node", **one)
        return
    for line in nodes.lines():
        log(line)


def _again(
    recipe: RecipePath, overrides: Overrides, workers: Workers, *, replace: bool, executor: str
) -> list[str]:
    from octomed.commands import as_argument, set_options

    options = ["--workers", str(workers)] if workers else []
    options += ["--replace"] if replace else []
    options += [] if executor == "threads" else ["--executor", executor]
    return ["octomed", "pack", as_argument(str(recipe)), *options, *set_options(overrides or ())]
