"""Where a run is from: the versions it was written with, its recipe, and the command that writes it again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from octomed.commands import python_call, shell_command


@dataclass(frozen=True)
class Versions:
    """The versions that a run was written with."""

    octomed: str | None = None
    scan: int | None = None
    write: int | None = None


@dataclass(frozen=True)
class Origin:
    """Where a run's recipe lies on its machine, and what was put over it.

    Attributes
    ----------
    recipe_file
        ``None`` for a recipe that was a dict, and empty in a run that does not say.
    """

    recipe_file: str | None = ""
    recipe_folder: str | None = None
    overrides: tuple[str, ...] = ()


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
