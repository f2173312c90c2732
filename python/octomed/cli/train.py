"""`octomed train`: start a training, one process a GPU."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from octomed.cli.options import AsEvents, RecipePath
from octomed.commands import OCTOMED_TRAIN, STARTED_BY, as_argument, shell_words
from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDED = ("torch", "transformers", "composer", "streaming")
"""Modules of the extra `train` without which nothing is trained."""


Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Set keys of the recipe: optimizer.lr=1e-4", show_default=False
    ),
]


def command(
    recipe: RecipePath,
    words: Words = None,
    nproc: Annotated[
        int | None,
        typer.Option(
            "--nproc",
            "-n",
            metavar="N",
            min=1,
            help="Processes on this machine.  [default: one per GPU, or one]",
            show_default=False,
        ),
    ] = None,
    json_output: AsEvents = False,
) -> None:
    """Train as a recipe says, as `composer train.py` does, with the same exit codes.

    The recipe is checked first, before anything large is loaded. Signals are passed on to all processes; the
    exit code is then 128 and the signal's number, and the command that resumes is printed. Several machines
    are told of one another by the environment, as `composer` reads it: WORLD_SIZE, NODE_RANK, MASTER_ADDR,
    MASTER_PORT.

    \b
    Examples:
      octomed train recipes/train/quickstart.yaml --nproc 2
      octomed train my-training.yaml optimizer.lr=1e-4 max_duration=10ba
    """
    from octomed.train.log import EVENTS
    from octomed.train.recipe import load_train_recipe

    refuse_a_name(recipe)
    load_train_recipe(recipe, words or ())
    refuse_without_extra()
    if json_output:
        os.environ[EVENTS] = "1"
    _become_launcher([as_argument(str(recipe)), *(words or ())], nproc)


def refuse_without_extra() -> None:
    """Raise where the packages that train are not installed.

    Raises
    ------
    RecipeError
        With the command that installs them.
    """
    missing = [f"`{name}`" for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        what = "is" if len(missing) == 1 else "are"
        message = f"training needs packages of the extra `train`: {', '.join(missing)} {what} not installed"
        raise RecipeError(message, "`pip install '.[train]'` in OctoMed's folder")


def refuse_a_name(recipe: Path) -> None:
    """Tell a user who names a recipe of the package where a file is wanted how to get one.

    Raises
    ------
    RecipeError
        With the command that writes it.
    """
    from octomed import shipped

    name = shipped.known_as(f"train/{recipe}") or shipped.known_as(str(recipe))
    if name is None or not name.startswith("train/") or recipe.exists():
        return
    file = f"{name.rpartition('/')[2]}-training.yaml"
    command = shell_words(["octomed", "recipes", name, "--out", file])
    raise RecipeError(f"`{recipe}` is not a file", f"`{command}` writes the recipe of this name")


def _become_launcher(words: Sequence[str], nproc: int | None) -> NoReturn:
    """Give this process to the launcher: signals and exit codes are then its own."""
    environment = os.environ | {STARTED_BY: OCTOMED_TRAIN}
    number = [] if nproc is None else ["--nproc", str(nproc)]
    # Without `-P` the current folder's modules would go before those installed.
    python = [sys.executable, *(["-P"] if sys.version_info >= (3, 11) else [])]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(python[0], [*python, "-m", "octomed.train.launcher", *number, "--", *words], environment)  # noqa: S606 the words are the user's own
