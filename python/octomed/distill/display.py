"""What people see while a teacher is asked: a line that is redrawn, a line now and then, or events."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

from octomed.names import printable_line
from octomed.report import units
from octomed.report.events import event_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import TextIO

    from octomed.distill.counts import Counts
    from octomed.distill.schema import Asking

Told = TypeVar("Told")

_SECONDS_BETWEEN_LINES = 10.0


def shown_on(
    stream: TextIO, settings: Asking, *, json_lines: bool
) -> AbstractContextManager[Callable[[Counts], None]]:
    """Give what is told of counts while the block runs.

    Parameters
    ----------
    stream
        Where it is shown: redrawn on a terminal, a line every ten seconds elsewhere.
    settings
        The teacher, samples and limits.
    json_lines
        Whether events are written instead, one JSON object a line.
    """
    line, event = partial(_line, settings=settings), partial(_event, settings=settings)
    return showing(stream, line, event, json_lines=json_lines)


@contextlib.contextmanager
def showing(
    stream: TextIO, line: Callable[[Told], str], event: Callable[[Told], str], *, json_lines: bool
) -> Iterator[Callable[[Told], None]]:
    """Give what is told how far a run is, while the block runs.

    Parameters
    ----------
    stream, json_lines
        As for :func:`shown_on`.
    line, event
        Return what was told as a line of words, and as an event.
    """
    if json_lines:
        yield _Lines(stream, event)
    elif stream.isatty():
        live = Live(console=Console(file=stream, highlight=False), refresh_per_second=4, transient=True)
        with live:
            yield lambda told: live.update(Text(line(told)))
    else:
        yield _Lines(stream, line)


class _Lines(Generic[Told]):
    """Writes a line now and then."""

    def __init__(self, stream: TextIO, line: Callable[[Told], str]) -> None:
        self._stream, self._line, self._next = stream, line, time.monotonic() + _SECONDS_BETWEEN_LINES

    def __call__(self, told: Told) -> None:
        """Write a line, if it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_LINES
            self._stream.write(f"{printable_line(self._line(told))}\n")
            self._stream.flush()


def _line(counts: Counts, settings: Asking) -> str:
    words = counts.words(settings)
    if counts.failed:
        words.append(f"{units.count(counts.failed.total())} failed")
    return "distill: " + " · ".join(words)


def _event(counts: Counts, settings: Asking) -> str:
    return event_line("samples", counts=counts.values(settings))
