"""Columns of rows are asked for: what stands is not asked again, what is none of the values once more."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from octomed.annotate.answers import ATTEMPTS, ask_for
from octomed.distill.asking import check_budget
from octomed.distill.client import NotAnswered
from octomed.distill.hope import Hope
from octomed.distill.lines import sample_lines
from octomed.distill.question import Question
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.annotate.answers import Answers
    from octomed.annotate.counts import AnnotationCounts
    from octomed.annotate.rows import Row
    from octomed.annotate.schema import Annotating, Annotation
    from octomed.distill.client import Client
    from octomed.distill.failures import Failures
    from octomed.distill.requests import Ask
    from octomed.distill.sample_file import SampleFile

_SHOWN_CHARACTERS = 200


class Annotator:
    """Asks for the columns of rows, several at a time.

    Parameters
    ----------
    settings
        The columns, and whom to ask.
    client, file, failures
        Whom, and where what comes is kept.
    answers
        What was there before.
    counts
        Counted into.
    """

    def __init__(  # noqa: PLR0913, PLR0917 what is asked, where it goes, and what was there
        self,
        settings: Annotating,
        client: Client,
        file: SampleFile,
        failures: Failures,
        answers: Answers,
        counts: AnnotationCounts,
    ) -> None:
        self._settings, self._client, self._file = settings, client, file
        self._failures, self._answers, self._counts = failures, answers, counts
        self._hope = Hope(settings.teacher.endpoint, failures, counts)
        self._may_begin = partial(check_budget, settings, counts)
        self._under_way: set[str] = set()

    async def annotate(self, row: Row) -> None:
        """Ask for all columns that a row lacks.

        Raises
        ------
        BudgetSpent
            When nothing more may be asked.
        RecipeError, DataError, StorageError
            When no row can be asked on.
        """
        if not isinstance(row.found, Question):
            raise TypeError("a row that asks nothing is not asked")
        for annotation in self._settings.annotate:
            if row.has(annotation.column):
                self._counts.present[annotation.column] += 1
                continue
            ask = ask_for(row.found, annotation, self._settings.teacher)
            if ask.key in self._under_way:
                continue  # another row asks the same, and is answered for both
            self._under_way.add(ask.key)
            try:
                await self._ask(row.found, annotation, ask)
            finally:
                self._under_way.discard(ask.key)

    async def _ask(self, question: Question, annotation: Annotation, ask: Ask) -> None:
        answers = self._answers
        if answers.had.has(ask.key, 0):
            self._counts.had += 1
        while (number := answers.next_attempt(ask.key)) is not None:
            if self._failures.is_refused(ask.key, number):
                return
            if not await self._answered(question, annotation, ask, number):
                return

    async def _answered(self, question: Question, annotation: Annotation, ask: Ask, number: int) -> bool:
        """Ask once; tell whether an answer came."""
        begin = time.monotonic()
        place = {"column": annotation.column, "source": question.source, "file": question.file}
        named = {"key": ask.key, "teacher": self._settings.teacher.model}
        try:
            async with self._client.asked(ask.body, may_begin=self._may_begin) as reply:
                self._hope.came()
                self._counts.count_reply(reply)
                came = [(number, reply.samples[0])]
                seconds = time.monotonic() - begin
                lines = sample_lines({**place, "row": question.row}, named, reply, came, seconds)
                await self._file.add(lines)
        except NotAnswered as failure:
            self._hope.failed(ask.key, number, question.place, failure)
            return False
        self._counts.samples += 1
        value = self._answers.add(lines[0], annotation)
        if value is None and number + 1 == ATTEMPTS:
            self._counts.outside[annotation.column] += 1
            said = shown(lines[0]["response"][:_SHOWN_CHARACTERS])
            detail = f"`{annotation.column}`: the answer is none of the values: {said}"
            values = {"reason": "outside", "detail": detail, "place": question.place, "may_pass": False}
            self._failures.add(ask.key, number, values)
        return True
