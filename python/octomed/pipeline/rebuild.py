"""The command that writes what is missing of a finished run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.commands import python_call, shell_command

if TYPE_CHECKING:
    from collections.abc import Mapping


def rebuild_command(run: Mapping[str, Any]) -> str:
    """Return the command as a shell takes it, or the call where the recipe was a dict.

    Parameters
    ----------
    run
        The part `run` of ``octomed.json``; one of an older run names no overrides.
    """
    folder, file, overrides = (run.get(name) for name in ("recipe_folder", "recipe_file", "overrides"))
    if "recipe_file" in run and file is None:
        return python_call("pack", None, overrides or ())
    recipe = str(Path(folder, file)) if folder and file else "RECIPE"
    return shell_command("pack", recipe, overrides or ())
