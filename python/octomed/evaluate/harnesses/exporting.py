"""Benchmarks of an evaluation written for another harness."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from octomed.errors import DataError, RecipeError
from octomed.evaluate.harnesses.lm_eval import write_task
from octomed.evaluate.harnesses.questions import NotExported, plain_of
from octomed.evaluate.harnesses.vlmevalkit import write_tsv

if TYPE_CHECKING:
    import os

    from octomed.evaluate.harnesses.questions import Plain
    from octomed.evaluate.recipe import EvaluationRecipe

Harness = Literal["vlmevalkit", "lm-eval"]
"""Whose form is written."""


@dataclass
class Exported:
    """What was written of a benchmark.

    Attributes
    ----------
    files : dict of str to int
        Names of files below the folder, and questions in each.
    left_out : Counter of str
        Reasons for which rows are not in them, and how many.
    """

    files: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def export_benchmarks(
    recipe: EvaluationRecipe, harness: Harness, folder: str | os.PathLike[str]
) -> dict[str, Exported]:
    """Write the benchmarks of an evaluation for another harness.

    Parameters
    ----------
    recipe : EvaluationRecipe
        From `load_evaluation_recipe`.
    harness : {"vlmevalkit", "lm-eval"}
        Whose form.
    folder : path
        Where; files of the same names are replaced.

    Returns
    -------
    dict of str to Exported
        By benchmark; every row is in a file, or counted with a reason.

    Raises
    ------
    RecipeError
        When there is no such harness.
    DataError
        When nothing of a benchmark can be written.
    """
    from octomed.distill.question import Refused  # noqa: PLC0415 loads readers of all formats
    from octomed.evaluate.questions import Benchmarks  # noqa: PLC0415 the same

    if harness not in get_args(Harness):
        raise RecipeError(f"no benchmark is written for `{harness}`", "choose `vlmevalkit` or `lm-eval`")
    benchmarks = Benchmarks(recipe, {})
    found = {one.name: Exported() for one in recipe.settings.benchmarks}
    kept: dict[str, list[Plain]] = defaultdict(list)
    for one in benchmarks:
        if isinstance(one, Refused):
            found[one.place.partition("/")[0]].left_out[one.reason] += 1
            continue
        name = one.asked.benchmark
        try:
            plain = plain_of(one, benchmarks.judge_of(name))
            _check(plain, harness)
        except NotExported as reason:
            found[name].left_out[str(reason)] += 1
        else:
            kept[name].append(plain)
    _refuse_nothing(found, kept, harness)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name, questions in kept.items():
        if harness == "vlmevalkit":
            found[name].files = write_tsv(place, name, questions)
        else:
            found[name].files = write_task(place, name, questions, recipe.settings.generation)
    return found


def _check(question: Plain, harness: Harness) -> None:
    """Refuse what a harness has no place for."""
    if harness == "lm-eval" and question.images:
        raise NotExported("images")  # its models behind an endpoint take none
    if harness == "lm-eval" and not question.options:
        raise NotExported("no_options")


def _refuse_nothing(found: dict[str, Exported], kept: dict[str, list[Plain]], harness: Harness) -> None:
    for name, one in found.items():
        if not kept[name]:
            reasons = ", ".join(f"`{reason}` {count:,}" for reason, count in one.left_out.most_common())
            raise DataError(
                f"no question of benchmark `{name}` can be written for {harness}: "
                f"{reasons or 'it has no row'}",
                "export those benchmarks alone that the harness takes",
            )
