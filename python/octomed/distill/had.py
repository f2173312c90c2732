"""What an output holds already, and how many of it packing would accept."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from octomed.distill.judging import judge_lines
from octomed.distill.sample_file import SAMPLES, Had, entries_of

if TYPE_CHECKING:
    from octomed.distill.questions import Questions
    from octomed.distill.recipe import DistillRecipe

_LINES = 1024


def had_of(recipe: DistillRecipe, questions: Questions) -> tuple[Had, dict[str, int]]:
    """Return what an output holds, and where questions end by it, how many packing would accept, by key.

    Parameters
    ----------
    recipe
        Of the distillation.
    questions
        Its questions, which know how samples are judged.

    Raises
    ------
    StorageError
        When a line is damaged.
    """
    had = Had()
    accepted: dict[str, int] = {}
    entries = entries_of(recipe.output / SAMPLES)
    while group := list(itertools.islice(entries, _LINES)):
        for entry in group:
            had.add(entry)
        if recipe.settings.until is not None:
            for key, number in judge_lines(questions.judge_of, group).items():
                accepted[key] = accepted.get(key, 0) + number
    return had, accepted
