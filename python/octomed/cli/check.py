"""`octomed check`: the recipe is right and its files are there, or what is not is named."""

from __future__ import annotations

import json

from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.terminal import log, out


def command(recipe: RecipePath, overrides: Overrides = None, json_output: AsJson = False) -> None:
    """Check a recipe: its keys, its files, their columns, the model and the templates. Takes seconds.

    \b
    Examples:
      octomed check recipes/quickstart.yaml
      octomed check recipes/quickstart.yaml --set pack.capacity=8192
    """
    from octomed.pipeline.plan import plan
    from octomed.recipe import load_recipe
    from octomed.report import units

    loaded = load_recipe(recipe, overrides or ())
    planned = plan(loaded)
    files = {(task.file.source, task.file.relative): task.file.size for _, task in planned.tasks()}
    notes = [*loaded.notes(), *planned.model.notes]
    for note in notes:
        log(f"note: {note}")
    if json_output:
        out(json.dumps({"ok": True, "sources": len(loaded.sources), "files": len(files), "notes": notes}))
        return
    size = units.bytes_of(sum(files.values()))
    out(f"`{recipe}` is good: sources {len(loaded.sources)}, files {len(files)}, {size}")
    out(f"next: `octomed plan {recipe}`")
