"""Annotations: every row that lacks a column is asked, then copies with the columns filled are written."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from octomed.annotate.annotator import Annotator
from octomed.annotate.answers import Answers, answers_in
from octomed.annotate.copies import write_copies
from octomed.annotate.counts import AnnotationCounts
from octomed.annotate.rows import Row, files_of, rows_of
from octomed.distill.asking import ask_all
from octomed.distill.question import Question, Refused
from octomed.distill.questions import Questions
from octomed.distill.record import write_record
from octomed.distill.sample_file import SAMPLES
from octomed.distill.session import client_of, kept_files
from octomed.names import shown
from octomed.storage import make_folder
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.annotate.recipe import AnnotateRecipe

    Told = Callable[[AnnotationCounts], None]

RECORD = "annotate.json"
"""What the last run into a folder was, and did."""


def annotate(recipe: AnnotateRecipe, *, tell: Told | None = None) -> AnnotationCounts:
    """Fill columns that rows lack by what a model says of them.

    Parameters
    ----------
    recipe
        As :func:`octomed.annotate.recipe.load_annotate_recipe` gives it.
    tell
        Told of the counts, every half second and at the end.

    Returns
    -------
    AnnotationCounts
        What was done. A run that its budget stopped has written no copies.

    Raises
    ------
    RecipeError
        When the recipe, the key or the model is refused, or another run writes there.
    DataError
        When a source cannot be read, or the account is empty.
    StorageError
        When a file cannot be written, or the endpoint cannot be reached: what came is kept.
    """
    output, mode = recipe.output, recipe.asked.output.mode
    make_folder(output, mode)
    busy = f"another run writes into `{shown(str(output))}`"
    with LocalStore(output, mode).lock(exclusive=True, busy=busy):
        questions = Questions(recipe.asked)
        counts = AnnotationCounts()
        answers = asyncio.run(_ask(recipe, questions, counts, tell or (lambda _: None)))
        if counts.stopped is None:
            write_copies(recipe, questions, answers, counts)
        write_record(output / RECORD, recipe.asked, recipe.settings, counts)
        return counts


async def _ask(recipe: AnnotateRecipe, questions: Questions, counts: AnnotationCounts, tell: Told) -> Answers:
    settings, output, mode = recipe.settings, recipe.output, recipe.asked.output.mode
    begin = time.monotonic()
    async with kept_files(output, mode, counts) as (file, failures):
        answers = answers_in(output / SAMPLES, settings.annotate)
        counts.asked, counts.answered = answers.had.asked, answers.had.answered
        async with client_of(settings, counts, tell, begin=begin) as client:
            annotator = Annotator(settings, client, file, failures, answers, counts)
            at_a_time = max(8, 2 * settings.limits.concurrency)
            await ask_all(annotator.annotate, _rows(questions), counts, at_a_time)
    return answers


def _rows(questions: Questions) -> Iterator[Row | Refused]:
    for reader, file in files_of(questions):
        for row in rows_of(reader, file):
            yield row if isinstance(row.found, Question) else row.found
