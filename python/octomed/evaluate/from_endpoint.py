"""Answers of a model behind an endpoint: as many requests under way as it bears."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from octomed.distill.client import NotAnswered
from octomed.errors import StorageError
from octomed.evaluate.asking import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.evaluate.answer_file import AnswerFile
    from octomed.evaluate.items import Item
    from octomed.evaluate.progress import Progress
    from octomed.evaluate.schema import Evaluation

_HOPELESS = 20
"""Samples in a row that no attempt gave, after which the endpoint is not asked on."""
_SECONDS_BETWEEN_WORDS = 0.5


async def answer_by_endpoint(
    settings: Evaluation,
    asked: Iterator[tuple[Item, list[int]]],
    file: AnswerFile,
    progress: Progress,
    tell: Callable[[Progress], None],
) -> None:
    """Ask for the samples that are missing.

    Parameters
    ----------
    settings
        Of the evaluation.
    asked
        Questions with the numbers of samples that they lack.
    file
        Where answers go.
    progress, tell
        Counted into, and told of it.

    Raises
    ------
    StorageError
        When answers did not come.
    RecipeError, DataError
        When no request will be answered.
    """
    async with Endpoint(settings) as endpoint:
        asker = Asker(endpoint, file, progress)
        teller = asyncio.create_task(_tell_now_and_then(tell, progress))
        try:
            await _ask_all(asker, asked, 2 * settings.model.concurrency)
        finally:
            teller.cancel()
            tell(progress)
    asker.refuse_missing()


class Asker:
    """Asks for samples, and keeps what comes.

    Parameters
    ----------
    endpoint, file, progress
        Whom to ask, where answers go, and what is counted into.
    """

    def __init__(self, endpoint: Endpoint, file: AnswerFile, progress: Progress) -> None:
        self._endpoint, self._file, self._progress = endpoint, file, progress
        self._hopeless = 0
        self._last = ""

    async def ask(self, item: Item, sample: int) -> dict[str, object] | None:
        """Ask for a sample; return its line, which is on the disk then, or None where it did not come.

        Raises
        ------
        StorageError
            When twenty in a row did not come.
        """
        try:
            line = await self._endpoint.answer(item, sample)
        except NotAnswered as failure:
            self._progress.failed += 1
            self._hopeless += 1
            self._last = str(failure)
            if self._hopeless >= _HOPELESS:
                raise StorageError(
                    f"the model gave no answer {_HOPELESS} times in a row, last: {self._last}",
                    "see whether its server runs; what came is kept, and the same command goes on",
                ) from None
            return None
        self._hopeless = 0
        await self._file.add([line])
        self._progress.came([line])
        return line

    def refuse_missing(self) -> None:
        """Say that answers did not come, if so: nothing is scored without them.

        Raises
        ------
        StorageError
            When one did not come.
        """
        failed = self._progress.failed
        if failed:
            raise StorageError(
                f"{failed:,} of {self._progress.samples:,} answers did not come, last: {self._last}",
                "what came is kept: the same command asks for these again",
            )


async def _ask_all(asker: Asker, asked: Iterator[tuple[Item, list[int]]], at_a_time: int) -> None:
    """Ask for all samples, a number of them at a time; the first failure ends them all."""
    under_way: set[asyncio.Task[object]] = set()
    try:
        for item, numbers in asked:
            for number in numbers:
                under_way.add(asyncio.create_task(asker.ask(item, number)))
                while len(under_way) >= at_a_time:
                    under_way = await _some_done(under_way)
            await asyncio.sleep(0)
        while under_way:
            under_way = await _some_done(under_way)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _some_done(under_way: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    done, left = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    under_way.difference_update(done)
    for error in [task.exception() for task in done]:
        if error is not None:
            raise error
    return left


async def _tell_now_and_then(tell: Callable[[Progress], None], progress: Progress) -> None:
    while True:
        await asyncio.sleep(_SECONDS_BETWEEN_WORDS)
        tell(progress)
