"""What a run that asks a teacher holds open: the files that it keeps, and the connections to the teacher."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

from octomed.distill.asking import telling
from octomed.distill.client import Client
from octomed.distill.failures import FAILURES, Failures
from octomed.distill.pace import Pace
from octomed.distill.sample_file import SAMPLES, SampleFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from octomed.distill.counts import Counts
    from octomed.distill.schema import Asking
    from octomed.storage import Mode

Sums = TypeVar("Sums", bound="Counts")


@contextlib.asynccontextmanager
async def kept_files(output: Path, mode: Mode, counts: Counts) -> AsyncIterator[tuple[SampleFile, Failures]]:
    """Open the files of samples and of failures while the block runs; an unfinished last line is cut off.

    Parameters
    ----------
    output, mode
        The folder, and who may read what is in it.
    counts
        Where it is noted what was cut off.

    Raises
    ------
    StorageError
        When a file cannot be read or written, or is damaged.
    """
    file = SampleFile(output / SAMPLES, mode)
    failures = Failures(output / FAILURES, mode)
    try:
        cut = file.cut_unfinished()
        if cut:
            counts.notes.append(f"{cut:,} bytes of an unfinished line were cut off `{SAMPLES}`")
        yield file, failures
    finally:
        await file.close()
        failures.write()


@contextlib.asynccontextmanager
async def client_of(
    settings: Asking, counts: Sums, tell: Callable[[Sums], None], *, begin: float
) -> AsyncIterator[Client]:
    """Have the teacher asked while the block runs, and tell of the counts now and then.

    Parameters
    ----------
    settings
        The teacher and its limits.
    counts, tell
        What was done, and who is told of it.
    begin
        When the run began, by `time.monotonic`.

    Raises
    ------
    RecipeError
        When the key is not there.
    """
    limits = settings.limits
    pace = Pace(limits.concurrency, requests=limits.requests_per_minute, tokens=limits.tokens_per_minute)

    async with Client(settings.teacher, limits, pace) as client:

        def told() -> None:
            counts.seconds = time.monotonic() - begin
            counts.attempts, counts.requests = client.attempts, client.requests
            tell(counts)

        async with telling(told):
            yield client
