"""A distillation: every question is asked until it has its samples, each written before it counts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from octomed.distill.asking import ask_all
from octomed.distill.counts import Counts
from octomed.distill.had import had_of
from octomed.distill.images import ImageFolder
from octomed.distill.questions import Questions
from octomed.distill.record import RECORD, write_record
from octomed.distill.sampler import Sampler
from octomed.distill.session import client_of, kept_files
from octomed.errors import DataError
from octomed.names import shown
from octomed.storage import make_folder
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.distill.recipe import DistillRecipe

    Told = Callable[[Counts], None]


def distill(recipe: DistillRecipe, *, tell: Told | None = None) -> Counts:
    """Sample a teacher's responses to all questions of a recipe.

    Parameters
    ----------
    recipe
        As :func:`octomed.distill.recipe.load_distill_recipe` gives it.
    tell
        Told of the counts, every half second and at the end.

    Returns
    -------
    Counts
        What was done.

    Raises
    ------
    RecipeError
        When the recipe, the key or the model is refused, or another run writes there.
    DataError
        When a source cannot be read, asks nothing, or the account is empty.
    StorageError
        When a file cannot be written, or the endpoint cannot be reached: what came is kept.
    """
    output, mode = recipe.output, recipe.asked.output.mode
    make_folder(output, mode)
    busy = f"another distillation writes into `{shown(str(output))}`"
    with LocalStore(output, mode).lock(exclusive=True, busy=busy):
        return asyncio.run(_distill(recipe, tell or (lambda _: None)))


async def _distill(recipe: DistillRecipe, tell: Told) -> Counts:
    settings, output, mode = recipe.settings, recipe.output, recipe.asked.output.mode
    counts = Counts()
    questions = Questions(recipe.asked)
    begin = time.monotonic()
    async with kept_files(output, mode, counts) as (file, failures):
        had, accepted = had_of(recipe, questions)
        counts.asked, counts.answered = had.asked, had.answered
        async with client_of(settings, counts, tell, begin=begin) as client:
            sampler = Sampler(
                settings,
                client=client,
                file=file,
                images=ImageFolder(output, mode),
                failures=failures,
                had=had,
                accepted=accepted,
                judge_of=questions.judge_of,
                counts=counts,
            )
            await ask_all(sampler.sample, iter(questions), counts, _at_a_time(recipe))
    if not counts.questions:
        reasons = ", ".join(f"{name} {number:,}" for name, number in counts.refused.most_common())
        raise DataError(
            "no row asks anything" + (f": {reasons}" if reasons else ""),
            "see what the sources hold: `octomed inspect` shows a row of a recipe that packs",
        )
    write_record(output / RECORD, recipe.asked, settings, counts)
    return counts


def _at_a_time(recipe: DistillRecipe) -> int:
    """Return how many questions are asked at a time, so that as many requests are under way as may be."""
    settings = recipe.settings
    requests = 1 if settings.teacher.several or settings.until is not None else settings.samples
    return max(8, 2 * -(-settings.limits.concurrency // requests))
