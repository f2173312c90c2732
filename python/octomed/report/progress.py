"""Progress of a run: a live display on a terminal, lines elsewhere, JSON for machines.

All write to standard error: standard output carries only what was asked for.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from octomed.names import printable, printable_line
from octomed.report import units
from octomed.report.events import event_line, message_line
from octomed.report.meter import Meter, Reading

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS_BETWEEN_LINES = 5.0
_BAR_WIDTH = 24


class Progress(Protocol):
    """What a run reports while it runs; every method may be called from any thread."""

    def stage(self, name: str, total_bytes: int | None, total_rows: int | None) -> None:
        """Begin a stage; the one before it is finished."""

    def advance(self, *, rows: int, bytes: int, tokens: int, rejects: int) -> None:  # noqa: A002 its unit
        """Count what a worker finished: rows (or packs), bytes, tokens, and rejected rows and traces."""

    def message(self, text: str) -> None:
        """Say something that is no count."""

    def stop(self) -> None:
        """End the display in the middle of a stage, because the run failed or was interrupted."""

    def close(self) -> None:
        """End the display with its last stage finished; may be called twice, and after `stop`."""


class SilentProgress:
    """Says nothing."""

    def stage(self, name: str, total_bytes: int | None, total_rows: int | None) -> None:
        """Begin a stage."""

    def advance(self, *, rows: int, bytes: int, tokens: int, rejects: int) -> None:  # noqa: A002 its unit
        """Count what a worker finished."""

    def message(self, text: str) -> None:
        """Say something."""

    def stop(self) -> None:
        """End early."""

    def close(self) -> None:
        """End."""


class LineProgress:
    """A line at the beginning and end of a stage, and every few seconds between.

    Parameters
    ----------
    stream : text file, optional
        Where lines go; standard error by default.
    every : float
        Seconds between lines.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        every: float = _SECONDS_BETWEEN_LINES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        self._every = every
        self._meter = Meter(clock)
        self._lock = threading.Lock()
        self._running = False
        self._next = 0.0

    def stage(self, name: str, total_bytes: int | None, total_rows: int | None) -> None:
        """Begin a stage with a line."""
        self._finish()
        self._meter.start(name, total_bytes, total_rows)
        self._next = self._meter.clock() + self._every
        self._running = True
        self.write_start(name, total_bytes)

    def advance(self, *, rows: int, bytes: int, tokens: int, rejects: int) -> None:  # noqa: A002 its unit
        """Count, and write a line when it is time."""
        self._meter.add(rows, bytes, tokens, rejects)
        with self._lock:
            if self._meter.clock() < self._next or not self._running:
                return
            self._next = self._meter.clock() + self._every
        self.write_reading(self._meter.read())

    def message(self, text: str) -> None:
        """Write a line."""
        self.write(printable_line(text))

    def stop(self) -> None:
        """Write the last line of a stage that did not come to its end."""
        self._finish(done=False)

    def close(self) -> None:
        """Write the last line of the stage."""
        self._finish()

    def write(self, text: str) -> None:
        """Write one line at once, whole."""
        with self._lock:
            self._stream.write(f"{printable(text)}\n")
            self._stream.flush()

    def write_start(self, name: str, total_bytes: int | None) -> None:
        """Write the line that begins a stage."""
        self.write(f"{name}: {units.bytes_of(total_bytes)} to go" if total_bytes else f"{name}: begins")

    def write_reading(self, reading: Reading) -> None:
        """Write a line between."""
        self.write(f"{reading.stage}: {', '.join(word.strip() for word in reading.words())}")

    def write_end(self, reading: Reading, *, done: bool) -> None:
        """Write the line that ends a stage."""
        self.write(f"{reading.stage}: {', '.join(_ending(reading, done=done))}")

    def _finish(self, *, done: bool = True) -> None:
        if self._running:
            self._running = False
            self.write_end(self._meter.read(), done=done)


def _ending(reading: Reading, *, done: bool) -> list[str]:
    """Return the words that end a stage: how long it took, and what it counted."""
    words = [word for word in reading.words()[:-1] if "%" not in word] if reading.rows else []
    return [f"{'done in' if done else 'stopped after'} {units.seconds(reading.seconds)}", *words]


class JsonProgress(LineProgress):
    """An event per line (:mod:`octomed.report.events`): `{"event": "progress", "stage": "scan", "rows": …}`.

    The events are `stage` (begins), `progress`, `message`, `stage_done`, and `stage_stopped` for a stage in
    the middle of which the run failed or was interrupted; the command line adds `begin`, `error` and `end`.
    """

    def message(self, text: str) -> None:
        """Write the text as an event."""
        self.write(message_line(text))

    def write_start(self, name: str, total_bytes: int | None) -> None:
        """Write the event that begins a stage."""
        total_rows = self._meter.read().total_rows
        self.write(event_line("stage", stage=name, total_bytes=total_bytes, total_rows=total_rows))

    def write_reading(self, reading: Reading) -> None:
        """Write the counts and rates."""
        self.write(event_line("progress", **reading.values()))

    def write_end(self, reading: Reading, *, done: bool) -> None:
        """Write the counts at the end of a stage."""
        self.write(event_line("stage_done" if done else "stage_stopped", **reading.values()))


class LiveProgress:
    """A display that is redrawn a few times per second, for a terminal.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where it is drawn; standard error by default. NO_COLOR is honoured by rich.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._meter = Meter(clock)
        self._done: list[Text] = []
        self._live: Live | None = None

    def stage(self, name: str, total_bytes: int | None, total_rows: int | None) -> None:
        """Begin a stage below the finished ones."""
        self._finish()
        self._meter.start(name, total_bytes, total_rows)
        self._live = Live(
            console=self._console, get_renderable=self.render, refresh_per_second=5, transient=True
        )
        self._live.start()

    def advance(self, *, rows: int, bytes: int, tokens: int, rejects: int) -> None:  # noqa: A002 its unit
        """Count what a worker finished; the display follows by itself."""
        self._meter.add(rows, bytes, tokens, rejects)

    def message(self, text: str) -> None:
        """Print a line above the display."""
        self._console.print(Text(printable_line(text)))

    def stop(self) -> None:
        """Leave behind where the stage stopped."""
        self._finish(done=False)

    def close(self) -> None:
        """Leave the last state of the display behind."""
        self._finish()

    def render(self) -> RenderableType:
        """Return the display of this moment."""
        reading = self._meter.read()
        table = Table.grid(padding=(0, 1))
        bar = ProgressBar(
            total=1.0, completed=reading.share or 0.0, width=_BAR_WIDTH, pulse=reading.share is None
        )
        table.add_row(Text(reading.stage.ljust(6), style="bold"), bar, Text(" · ".join(reading.words()[:1])))
        return Group(table, Text("       " + " · ".join(reading.words()[1:])))

    def _finish(self, *, done: bool = True) -> None:
        if self._live is None:
            return
        self._live.stop()
        self._live = None
        reading = self._meter.read()
        line = " · ".join(_ending(reading, done=done))
        self._console.print(Text.assemble((reading.stage.ljust(7), "bold"), line))


def progress_for(stream: TextIO, *, json_lines: bool) -> Progress:
    """Return the display that suits a stream: JSON if asked for, live on a terminal, else lines."""
    if json_lines:
        return JsonProgress(stream)
    if stream.isatty():
        return LiveProgress(Console(file=stream, highlight=False))
    return LineProgress(stream)
