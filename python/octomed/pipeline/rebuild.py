"""The command that writes what is missing of a finished run again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def rebuild_command(run: Mapping[str, Any]) -> str:
    """Return the command as a shell takes it.

    Parameters
    ----------
    run
        The part `run` of ``octomed.json``; one of an older run names no overrides.
    """
    folder, file = run.get("recipe_folder"), run.get("recipe_file")
    recipe = str(Path(folder, file)) if folder and file else "RECIPE"
    options = [word for override in run.get("overrides", ()) for word in ("--set", override)]
    return shlex.join(["octomed", "pack", recipe, *options])
