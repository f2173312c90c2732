"""Many questions at a time: read ahead, asked as room is, ended together."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, TypeVar

from octomed.distill.question import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from octomed.distill.counts import Counts
    from octomed.distill.schema import Asking

Asked = TypeVar("Asked")

_CHUNK = 64
"""Questions that are read at a time."""
_SECONDS_BETWEEN_WORDS = 0.5


class BudgetSpent(Exception):
    """Nothing more may be asked."""


def check_budget(settings: Asking, counts: Counts) -> None:
    """Raise `BudgetSpent` when what was asked and answered takes up the budget."""
    spent = settings.spent(counts.asked, counts.answered)
    if spent is not None:
        raise BudgetSpent(spent)


async def ask_all(
    ask: Callable[[Asked], Awaitable[None]],
    questions: Iterator[Asked | Refused],
    counts: Counts,
    at_a_time: int,
) -> None:
    """Ask questions, a number of them at a time; the first failure ends them all.

    Parameters
    ----------
    ask
        Asks one until it has what it needs.
    questions
        Which, and rows that are not asked. They are read in another thread.
    counts
        Counted into; a budget that is spent is said in it.
    at_a_time
        Questions under way at most.
    """
    try:
        await ask_each(ask, _counted(questions, counts), at_a_time)
    except BudgetSpent as spent:
        counts.stopped = str(spent)


async def _counted(questions: Iterator[Asked | Refused], counts: Counts) -> AsyncIterator[Asked]:
    async for question in read_aside(questions):
        if isinstance(question, Refused):
            counts.refused[question.reason] += 1
            continue
        counts.questions += 1
        yield question


async def ask_each(
    ask: Callable[[Asked], Awaitable[object]], items: AsyncIterator[Asked], at_a_time: int
) -> None:
    """Ask for things, a number of them at a time; the first failure ends them all, and is raised.

    Parameters
    ----------
    ask
        Asks for one.
    items
        Which.
    at_a_time
        Under way at most.
    """
    under_way: set[asyncio.Future[object]] = set()
    try:
        async for item in items:
            under_way.add(asyncio.ensure_future(ask(item)))
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


async def _some_done(under_way: set[asyncio.Future[object]]) -> set[asyncio.Future[object]]:
    done, left = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    failed = [task.exception() for task in done]
    under_way.difference_update(done)
    for error in failed:
        if error is not None:
            raise error
    return left


async def read_aside(items: Iterator[Asked]) -> AsyncIterator[Asked]:
    """Yield what is read in another thread, so that replies are taken meanwhile."""
    loop = asyncio.get_running_loop()

    def some() -> list[Asked]:
        return list(itertools.islice(items, _CHUNK))

    coming = loop.run_in_executor(None, some)
    while group := await coming:
        coming = loop.run_in_executor(None, some)
        for one in group:
            yield one


@contextlib.asynccontextmanager
async def telling(told: Callable[[], None]) -> AsyncIterator[None]:
    """Call a function every half second while the block runs, and at its end."""

    async def now_and_then() -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_WORDS)
            told()

    teller = asyncio.create_task(now_and_then())
    try:
        yield
    finally:
        teller.cancel()
        told()
