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

Asked = TypeVar("Asked")

_CHUNK = 64
"""Questions that are read at a time."""
_SECONDS_BETWEEN_WORDS = 0.5


class BudgetSpent(Exception):
    """Nothing more may be asked."""


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
    under_way: set[asyncio.Future[None]] = set()
    try:
        async for question in _read_aside(questions):
            if isinstance(question, Refused):
                counts.refused[question.reason] += 1
                continue
            counts.questions += 1
            under_way.add(asyncio.ensure_future(ask(question)))
            while len(under_way) >= at_a_time:
                under_way = await _some_done(under_way)
        while under_way:
            under_way = await _some_done(under_way)
    except BudgetSpent as spent:
        # What was asked is paid for: its reply is waited for.
        await asyncio.gather(*under_way, return_exceptions=True)
        counts.stopped = str(spent)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _some_done(under_way: set[asyncio.Future[None]]) -> set[asyncio.Future[None]]:
    done, left = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    failed = [task.exception() for task in done]
    under_way.difference_update(done)
    for error in failed:
        if error is not None:
            raise error
    return left


async def _read_aside(questions: Iterator[Asked | Refused]) -> AsyncIterator[Asked | Refused]:
    """Yield what is read in another thread, so that replies are taken meanwhile."""
    loop = asyncio.get_running_loop()

    def some() -> list[Asked | Refused]:
        return list(itertools.islice(questions, _CHUNK))

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
