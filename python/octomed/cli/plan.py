"""`octomed plan`: what a run will do, and what it will cost."""

from __future__ import annotations

import json
from dataclasses import asdict

from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.terminal import log, out


def command(recipe: RecipePath, overrides: Overrides = None, json_output: AsJson = False) -> None:
    """Show tasks, rows, tokens, minutes and disk of a run, and what of it stands already.

    \b
    Examples:
      octomed plan recipes/quickstart.yaml
      octomed plan recipes/quickstart.yaml --json | jq .tokens
    """
    from octomed.pipeline.plan import plan
    from octomed.recipe import load_recipe
    from octomed.report.planned import plan_lines

    loaded = load_recipe(recipe, overrides or ())
    planned = plan(loaded)
    estimate = planned.estimate()
    for note in planned.notes():
        log(f"note: {note}")
    if json_output:
        values = asdict(estimate) | {"tokenizer": planned.tokenizer.path, "notes": planned.notes()}
        out(json.dumps(values | {"left_out": planned.left_out()}))
        return
    for line in plan_lines(planned, estimate):
        out(line)
    out(f"next: `octomed pack {recipe}`")
