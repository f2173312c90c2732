"""What `import octomed` offers of the pipeline: recipes by path or as objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from octomed.pipeline import plan as planning
from octomed.pipeline import run as running
from octomed.pipeline import verify as verifying
from octomed.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from octomed.report.progress import Progress
    from octomed.report.summary import Summary


def pack(
    recipe: Recipe | str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Pack a recipe's traces into MDS shards: what ``octomed pack`` does.

    Parameters
    ----------
    recipe
        A recipe, or the path of one.
    overrides
        ``key=value`` pairs as ``--set`` takes them; only with a path.
    workers
        Threads; by default one a core.
    replace
        Delete the files of another run in the output folder first.
    progress
        Told how the run goes on; silent by default.

    Returns
    -------
    Summary
        Counts whose sums agree, and where the time went.

    Raises
    ------
    RecipeError, DataError, StorageError
        As :mod:`octomed.errors` says; finished work stands, and the same call resumes it.
    """
    return running.pack(_loaded(recipe, overrides), workers=workers, replace=replace, progress=progress)


def plan(recipe: Recipe | str | os.PathLike[str], *, overrides: Sequence[str] = ()) -> planning.Plan:
    """Plan a run: its tasks, what of them stands, and (``.estimate()``) what the rest costs.

    Parameters
    ----------
    recipe, overrides
        As for :func:`pack`.

    Raises
    ------
    RecipeError, DataError, StorageError
        When the model or an input cannot be used.
    """
    return planning.plan(_loaded(recipe, overrides))


def verify(output: str | os.PathLike[str], *, workers: int = 2) -> verifying.Verified:
    """Check every byte of a finished run: what ``octomed verify`` does.

    Parameters
    ----------
    output
        The folder of the run.
    workers
        Threads.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    """
    return verifying.verify(Path(output), workers=workers)


def _loaded(recipe: Recipe | str | os.PathLike[str], overrides: Sequence[str]) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(Path(recipe), overrides)
