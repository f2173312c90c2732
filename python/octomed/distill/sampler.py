"""The sampling of questions: which samples are missing, how they are asked, and what is kept of each."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from octomed.distill.asking import check_budget
from octomed.distill.client import NotAnswered
from octomed.distill.hope import Hope
from octomed.distill.judging import accepted_among
from octomed.distill.lines import NotAsked, question_of, sample_lines
from octomed.distill.replies import CUT
from octomed.distill.requests import Ask, ask_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from octomed import _octomed
    from octomed.distill.client import Client
    from octomed.distill.counts import Counts
    from octomed.distill.failures import Failures
    from octomed.distill.images import ImageFolder
    from octomed.distill.question import Question
    from octomed.distill.replies import Reply, Sampled
    from octomed.distill.sample_file import Had, SampleFile
    from octomed.distill.schema import Distillation


@dataclass
class _Asked:
    """A question that is being asked."""

    question: Question
    ask: Ask
    columns: dict[str, Any]
    judge: _octomed.Scanner
    texts: set[int] = field(default_factory=set)
    accepted: int = 0


class Sampler:
    """Asks questions, several at a time.

    Parameters
    ----------
    settings
        The teacher, samples and limits.
    client, file, images, failures
        Whom to ask, and where what comes is kept.
    had
        What was there before, which is not asked again.
    accepted
        By key, how many of these packing would accept; only where questions end by that.
    judge_of
        Returns what judges the samples of a source.
    counts
        Counted into.
    """

    def __init__(  # noqa: PLR0913 what is asked, where it goes, and what was there
        self,
        settings: Distillation,
        *,
        client: Client,
        file: SampleFile,
        images: ImageFolder,
        failures: Failures,
        had: Had,
        accepted: dict[str, int],
        judge_of: Callable[[str], _octomed.Scanner],
        counts: Counts,
    ) -> None:
        self._settings = settings
        self._client, self._file, self._images = client, file, images
        self._failures, self._had, self._accepted = failures, had, accepted
        self._judge_of, self._counts = judge_of, counts
        self._several = settings.teacher.several
        self._hope = Hope(settings.teacher.endpoint, failures, counts)
        self._may_begin = partial(check_budget, settings, counts)

    async def sample(self, question: Question) -> None:
        """Ask a question until it has its samples.

        Raises
        ------
        BudgetSpent
            When nothing more may be asked.
        RecipeError, DataError, StorageError
            When no question can be asked on.
        """
        ask = ask_of(question, self._settings.teacher)
        most = self._settings.most
        self._counts.had += self._had.count(ask.key, most)
        missing = self._failures.still_missing(ask.key, most, self._had)
        if not missing:
            return
        try:
            columns = question_of(question)
        except NotAsked as reason:
            self._counts.refused["no_question"] += 1
            self._counts.questions -= 1
            self._failures.add(
                ask.key,
                0,
                {"reason": "no_question", "detail": str(reason), "place": question.place, "may_pass": True},
            )
            return
        asked = _Asked(question, ask, columns, self._judge_of(question.source))
        asked.accepted = self._accepted.get(ask.key, 0)
        await self._images.keep(question)
        for wave in self._waves(asked, missing):
            await self._ask_all(asked, wave)

    def _waves(self, asked: _Asked, missing: list[int]) -> Iterable[list[int]]:
        """Yield the samples to ask for at a time: all, or as many as are not accepted yet."""
        until = self._settings.until
        if until is None:
            yield missing
            return
        while missing and asked.accepted < until.accepted:
            wave = missing[: until.accepted - asked.accepted]
            missing = missing[len(wave) :]
            yield wave

    async def _ask_all(self, asked: _Asked, numbers: list[int]) -> None:
        if self._several and len(numbers) > 1:
            numbers = await self._ask_several(asked, numbers)
        tasks = [asyncio.create_task(self._ask_one(asked, number)) for number in numbers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _ask_several(self, asked: _Asked, numbers: list[int]) -> list[int]:
        """Ask for several samples with one request; return those that it did not give."""
        begin = time.monotonic()
        try:
            async with self._client.asked(
                asked.ask.several(len(numbers)), may_begin=self._may_begin
            ) as reply:
                came = min(len(reply.samples), len(numbers))
                await self._keep(asked, reply, numbers[:came], time.monotonic() - begin)
        except NotAnswered:
            return numbers  # one by one: perhaps the server knows no `n`
        if came < len(numbers) and self._several:
            self._several = False
            many = f"the teacher gave {came} samples where {len(numbers)} were asked"
            self._counts.notes.append(f"{many}: asked one by one from there on")
        return numbers[came:]

    async def _ask_one(self, asked: _Asked, number: int, *, again: bool = True) -> None:
        body = asked.ask.seeded(number) if self._settings.teacher.seeds else asked.ask.body
        begin = time.monotonic()
        try:
            async with self._client.asked(body, may_begin=self._may_begin) as reply:
                if not (again and reply.samples[0].is_empty):
                    await self._keep(asked, reply, [number], time.monotonic() - begin)
                    return
                self._counts.count_reply(reply)
        except NotAnswered as failure:
            self._hope.failed(asked.ask.key, number, asked.question.place, failure)
            return
        await self._ask_one(asked, number, again=False)

    async def _keep(self, asked: _Asked, reply: Reply, numbers: list[int], seconds: float) -> None:
        """Write what came, and count it once it is on the disk."""
        self._hope.came()
        self._counts.count_reply(reply)
        came = list(zip(numbers, reply.samples, strict=False))
        named = {"key": asked.ask.key, "teacher": self._settings.teacher.model}
        lines = sample_lines(asked.columns, named, reply, came, seconds)
        await self._file.add(lines)
        self._counts.samples += len(lines)
        for _, sample in came:
            self._count_sample(asked, sample)
        accepted = accepted_among(asked.judge, asked.columns, lines)
        asked.accepted += accepted
        self._counts.accepted += accepted
        self._counts.judged += len(lines)

    def _count_sample(self, asked: _Asked, sample: Sampled) -> None:
        text = hash((sample.reasoning, sample.response))
        self._counts.repeated += text in asked.texts
        asked.texts.add(text)
        self._counts.empty += sample.is_empty
        self._counts.cut += sample.finish_reason == CUT
