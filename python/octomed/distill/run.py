"""A distillation: every question is asked until it has its samples, each written before it counts."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from octomed.distill.client import Client
from octomed.distill.counts import Counts
from octomed.distill.failures import FAILURES, Failures
from octomed.distill.had import had_of
from octomed.distill.images import ImageFolder
from octomed.distill.pace import Pace
from octomed.distill.questions import Questions, Refused
from octomed.distill.record import RECORD, write_record
from octomed.distill.sample_file import SAMPLES, SampleFile
from octomed.distill.sampler import BudgetSpent, Sampler
from octomed.errors import DataError
from octomed.names import shown
from octomed.storage import make_folder
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from octomed.distill.questions import Question
    from octomed.distill.recipe import DistillRecipe

    Told = Callable[[Counts], None]

_CHUNK = 64
"""Questions that are read at a time."""
_SECONDS_BETWEEN_WORDS = 0.5


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
    file = SampleFile(output / SAMPLES, mode)
    failures = Failures(output / FAILURES, mode)
    begin = time.monotonic()
    try:
        cut = file.cut_unfinished()
        if cut:
            counts.notes.append(f"{cut:,} bytes of an unfinished line were cut off `{SAMPLES}`")
        had, accepted = had_of(recipe, questions)
        counts.asked, counts.answered = had.asked, had.answered
        limits = settings.limits
        pace = Pace(limits.concurrency, requests=limits.requests_per_minute, tokens=limits.tokens_per_minute)
        async with Client(settings.teacher, limits, pace) as client:
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

            def told() -> None:
                counts.seconds = time.monotonic() - begin
                counts.attempts, counts.requests = client.attempts, client.requests
                tell(counts)

            teller = asyncio.create_task(_tell_now_and_then(told))
            try:
                await _ask_all(sampler, iter(questions), counts, _at_a_time(recipe))
            except BudgetSpent as spent:
                counts.stopped = str(spent)
            finally:
                teller.cancel()
                told()
    finally:
        await file.close()
        failures.write()
    if not counts.questions:
        reasons = ", ".join(f"{name} {number:,}" for name, number in counts.refused.most_common())
        raise DataError(
            "no row asks anything" + (f": {reasons}" if reasons else ""),
            "see what the sources hold: `octomed inspect` shows a row of a recipe that packs",
        )
    write_record(output / RECORD, recipe, counts)
    return counts


def _at_a_time(recipe: DistillRecipe) -> int:
    """Return how many questions are asked at a time, so that as many requests are under way as may be."""
    settings = recipe.settings
    requests = 1 if settings.teacher.several or settings.until is not None else settings.samples
    return max(8, 2 * -(-settings.limits.concurrency // requests))


async def _ask_all(
    sampler: Sampler, questions: Iterator[Question | Refused], counts: Counts, at_a_time: int
) -> None:
    """Ask questions, a number of them at a time; the first failure ends them all."""
    under_way: set[asyncio.Task[None]] = set()
    try:
        async for question in _read_aside(questions):
            if isinstance(question, Refused):
                counts.refused[question.reason] += 1
                continue
            counts.questions += 1
            under_way.add(asyncio.create_task(sampler.sample(question)))
            while len(under_way) >= at_a_time:
                under_way = await _some_done(under_way)
        while under_way:
            under_way = await _some_done(under_way)
    except BudgetSpent:
        # What was asked is paid for: its reply is waited for.
        await asyncio.gather(*under_way, return_exceptions=True)
        raise
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _some_done(under_way: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    done, left = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    failed = [task.exception() for task in done]
    under_way.difference_update(done)
    for error in failed:
        if error is not None:
            raise error
    return left


async def _read_aside(questions: Iterator[Question | Refused]) -> AsyncIterator[Question | Refused]:
    """Yield what is read in another thread, so that replies are taken meanwhile."""
    loop = asyncio.get_running_loop()

    def some() -> list[Question | Refused]:
        return list(itertools.islice(questions, _CHUNK))

    coming = loop.run_in_executor(None, some)
    while group := await coming:
        coming = loop.run_in_executor(None, some)
        for one in group:
            yield one


async def _tell_now_and_then(told: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_SECONDS_BETWEEN_WORDS)
        told()
