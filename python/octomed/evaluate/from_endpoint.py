"""Answers of a model behind an endpoint: as many requests under way as it bears."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from octomed.distill.asking import ask_each, read_aside, telling
from octomed.distill.client import NotAnswered
from octomed.distill.hope import HOPELESS
from octomed.errors import StorageError
from octomed.evaluate.asking import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.evaluate.answer_file import AnswerFile
    from octomed.evaluate.items import Item
    from octomed.evaluate.progress import Progress
    from octomed.evaluate.schema import Evaluation


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
        samples = ((item, number) for item, numbers in asked for number in numbers)
        async with telling(partial(tell, progress)):
            await ask_each(asker.ask, read_aside(samples), 2 * settings.model.concurrency)
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

    async def ask(self, wanted: tuple[Item, int]) -> dict[str, object] | None:
        """Ask for a sample; return its line, which is on the disk then, or None where it did not come.

        Raises
        ------
        StorageError
            When twenty in a row did not come.
        """
        try:
            line = await self._endpoint.answer(*wanted)
        except NotAnswered as failure:
            self._progress.failed += 1
            self._hopeless += 1
            self._last = str(failure)
            if self._hopeless >= HOPELESS:
                raise StorageError(
                    f"the model gave no answer {HOPELESS} times in a row, last: {self._last}",
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
