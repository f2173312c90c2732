"""A look at the machine, and at what a recipe asks of it: what works, what may cost something, what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.pipeline.doctor.credentials import credentials
from octomed.pipeline.doctor.disk import disk
from octomed.pipeline.doctor.machine import gpus, the_machine, versions
from octomed.pipeline.doctor.paths import paths
from octomed.recipe.loader import load_recipe
from octomed.recipe.path_values import STORE
from octomed.report.diagnosis import Diagnosis, Finding

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence


def diagnose(
    recipe: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()
) -> tuple[Diagnosis, RecipeError | None]:
    """Look at versions, machine, disks, credentials and GPUs, and reach each path of a recipe. Takes seconds.

    Parameters
    ----------
    recipe
        Its file; without one the disk of the working folder is looked at.
    overrides
        Keys that are put over it.

    Returns
    -------
    diagnosis, error
        What was found, and what is wrong with the recipe, if it cannot be read.

    Examples
    --------
    >>> diagnosis, error = diagnose()
    >>> diagnosis.values()["ok"], error
    (True, None)
    """
    findings = [*versions(), *the_machine()]
    error = None
    try:
        findings += _of_recipe(recipe, overrides)
    except RecipeError as wrong:
        error = wrong
        findings.append(Finding("recipe", "recipe", wrong.message, "failed", wrong.hint))
    findings += [*credentials(), *gpus()]
    return Diagnosis(tuple(findings)), error


def _of_recipe(recipe: str | os.PathLike[str] | None, overrides: Sequence[str]) -> Iterator[Finding]:
    if recipe is None:
        yield disk("work.path", STORE)
        return
    yield from paths(load_recipe(recipe, overrides, check_files=False))
