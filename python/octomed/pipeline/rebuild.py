"""The command that writes what is missing of a finished run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from octomed.commands import python_call, shell_command

if TYPE_CHECKING:
    from octomed.run_file import Origin


def rebuild_command(run: Origin) -> str:
    """Return the command as a shell takes it, or the call where the recipe was a dict.

    Parameters
    ----------
    run
        Where its recipe lies; an older run does not say.
    """
    if run.recipe_file is None:
        return python_call("pack", None, run.overrides)
    known = run.recipe_folder and run.recipe_file
    recipe = str(Path(run.recipe_folder or "", run.recipe_file)) if known else "RECIPE"
    return shell_command("pack", recipe, run.overrides)
