"""`octomed check`: the recipe is right and its files' first rows fit, or what does not is named."""

from __future__ import annotations

import json

from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.terminal import log, out
from octomed.names import shown


def command(recipe: RecipePath, overrides: Overrides = None, json_output: AsJson = False) -> None:
    """Check a recipe: its keys, its files and their first rows, model and templates. Takes seconds.

    The first 100 rows of each kind of file are made into traces, and nothing is written. Exit code 3 when
    none of them fits.

    \b
    Examples:
      octomed check recipes/quickstart.yaml
      octomed check recipes/quickstart.yaml --set pack.capacity=8192
    """
    from octomed.pipeline.planning.check import check
    from octomed.recipe import load_recipe
    from octomed.report import units

    loaded = load_recipe(recipe, overrides or ())
    checked = check(loaded)
    for warning in checked.warnings:
        log(f"warning: {warning}")
    for text in checked.notes:
        log(f"note: {text}")
    if json_output:
        out(json.dumps(checked.values(), ensure_ascii=False))
    error = checked.error()
    if error is not None:
        raise error
    if not json_output:
        amounts = f"sources {checked.sources}, files {checked.files}, {units.bytes_of(checked.bytes)}"
        out(f"`{shown(str(recipe))}` is valid: {amounts}")
        for line in checked.unread:
            out(line)
        out(f"next: `{loaded.command('plan')}`")
