"""Check: a recipe is right, its files are there, and their first rows fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import machine
from octomed.pipeline.calls.prefetch import without_leftovers
from octomed.pipeline.planning.checked import Checked, checked_plan
from octomed.pipeline.planning.plan import plan

if TYPE_CHECKING:
    from octomed.recipe.schema import Recipe


def check(recipe: Recipe) -> Checked:
    """Check a recipe: keys, files, columns, model, templates, and the first rows of each kind of file.

    Nothing is written; what takes long is left to the run.

    Raises
    ------
    RecipeError, DataError, StorageError
        When the model, a template or a file cannot be used; for rows see :meth:`Checked.error`.
    """
    with without_leftovers():
        planned = plan(recipe)
        if planned.evaluation is not None:
            planned.evaluation.check(machine.cores())
        return checked_plan(planned)
