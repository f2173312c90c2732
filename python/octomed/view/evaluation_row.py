"""A row of an evaluation set, read again from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.calls.prefetch import without_leftovers

if TYPE_CHECKING:
    from octomed.pipeline.inputs.evaluation_specs import EvaluationFile, EvaluationSetFiles
    from octomed.view.run import OpenRun


def evaluation_text(run: OpenRun, name: str, file: str, row: int) -> str:
    """Read a row of an evaluation set again: as JSON where its format has columns.

    Parameters
    ----------
    run
        Whose recipe names the set.
    name, file, row
        Of the set, of its file, and the row's number in it.

    Raises
    ------
    RecipeError
        When the paths of the recipe are gone.
    DataError
        When the set has no such file any more.
    """
    sets = run.kept("evaluation sets", lambda: _sets(run))
    found = [one for of in sets if of.name == name for one in of.files if one.file.relative == file]
    if not found:
        raise DataError(f"the evaluation set `{shown(name)}` has no file `{shown(file)}` any more")
    return _text(found[0], row)


def _sets(run: OpenRun) -> tuple[EvaluationSetFiles, ...]:
    from octomed.pipeline.planning.inspect import recipe_of  # noqa: PLC0415 few pages plan
    from octomed.pipeline.planning.plan import plan  # noqa: PLC0415 as above

    with without_leftovers():
        evaluation = plan(recipe_of(run.folder)).evaluation
    return () if evaluation is None else evaluation.found.sets


def _text(file: EvaluationFile, row: int) -> str:
    from octomed.pipeline.finished.row_text import texts_in  # noqa: PLC0415 as above

    with without_leftovers():
        return next(texts_in(file.file, _octomed.Mapping.questions_only(file.mapping), [row]))
