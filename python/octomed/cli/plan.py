"""`octomed plan`: what a run will do, and what it will cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.terminal import log, out

Nodes = Annotated[
    int | None,
    typer.Option(
        "--nodes",
        metavar="N",
        min=1,
        max=10_000,
        help="Say what the run would take on N machines like this one.",
        show_default=False,
    ),
]


def command(
    recipe: RecipePath, overrides: Overrides = None, json_output: AsJson = False, nodes: Nodes = None
) -> None:
    """Show tasks, rows, tokens, minutes and disk of a run, and what is finished already.

    Exit code 3 when the first rows say that the run would fail.

    \b
    Examples:
      octomed plan recipes/quickstart.yaml
      octomed plan recipes/quickstart.yaml --json | jq .tokens
      octomed plan recipes/quickstart.yaml --nodes 4
    """
    from octomed.pipeline.passes.standing import standing_of
    from octomed.pipeline.plan_table import plan_view
    from octomed.pipeline.planning.checked import checked_plan
    from octomed.pipeline.planning.estimate import estimate
    from octomed.pipeline.planning.nodes import estimate_on_nodes
    from octomed.pipeline.planning.plan import plan
    from octomed.recipe import load_recipe
    from octomed.report.nodes import nodes_lines
    from octomed.report.planned import plan_lines
    from octomed.strict_json import plain

    loaded = load_recipe(recipe, overrides or ())
    planned = plan(loaded)
    expected, checked = estimate(planned), checked_plan(planned)
    on_nodes = None if nodes is None else estimate_on_nodes(planned, expected, nodes)
    for text in planned.notes():
        log(f"note: {text}")
    for warning in checked.warnings:
        log(f"warning: {warning}")
    if json_output:
        said = {"notes": planned.notes(), "warnings": checked.warnings, "ok": checked.ok}
        said |= {"left_out": plain(planned.left_out()), "standing": plain(standing_of(planned))}
        said |= {} if on_nodes is None else {"nodes": asdict(on_nodes)}
        out(json.dumps(asdict(expected) | {"tokenizer": planned.tokenizer.path} | said, ensure_ascii=False))
    else:
        for line in plan_lines(plan_view(planned, expected)):
            out(line)
        for line in () if on_nodes is None else nodes_lines(on_nodes):
            out(line)
    error = checked.error()
    if error is not None:
        raise error
    if not json_output:
        out(f"next: `{loaded.command('pack')}`")
