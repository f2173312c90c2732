"""Counts of a stage as worker threads report them, and the rates that follow."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Callable

_THINGS = {"write": "packs", "upload": "files"}


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of a stage at one moment.

    Attributes
    ----------
    stage : str
        `scan`, `select`, `write` or `upload`.
    rows : int
        Rows read, or packs written.
    bytes, total_bytes : int, int or None
        Bytes done, and bytes in all where that is known.
    tokens, rejects : int
        Tokens made, and rows and traces rejected so far.
    seconds : float
        Since the stage began.
    """

    stage: str
    rows: int
    bytes: int
    tokens: int
    rejects: int
    seconds: float
    total_bytes: int | None
    total_rows: int | None

    @property
    def things(self) -> str:
        """What `rows` counts in this stage."""
        return _THINGS.get(self.stage, "rows")

    @property
    def share(self) -> float | None:
        """Share that is done, from 0 to 1, where the whole is known."""
        if self.total_bytes:
            return min(1.0, self.bytes / self.total_bytes)
        return min(1.0, self.rows / self.total_rows) if self.total_rows else None

    @property
    def rows_per_second(self) -> float:
        """Rows or packs per second since the stage began."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes per second since the stage began."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """What the rest will take at the rate so far."""
        return self.seconds * (1 - self.share) / self.share if self.share else None

    def words(self) -> list[str]:
        """Return what a display shows, the most wanted first."""
        shown = [] if self.share is None else [f"{100 * self.share:3.0f} %"]
        if self.rows:
            shown.append(f"{units.count(self.rows)} {self.things}")
            shown.append(f"{units.rate(self.rows_per_second)} {self.things}/s")
            shown.append(f"{units.rate(self.bytes_per_second / 1e6)} MB/s")
        if self.tokens:
            shown.append(f"{units.count(self.tokens)} tokens")
        if self.rejects:
            shown.append(f"{units.count(self.rejects)} rejects")
        if self.seconds_left is not None:
            shown.append(f"{units.seconds(self.seconds_left)} left")
        return shown

    def values(self) -> dict[str, Any]:
        """Return counts and rates as plain values."""
        left = self.seconds_left
        return asdict(self) | {
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rows_per_second, 1),
            "bytes_per_second": round(self.bytes_per_second),
            "seconds_left": None if left is None else round(left, 1),
        }


class Meter:
    """Adds up what threads report.

    Parameters
    ----------
    clock : callable
        Returns seconds; a test gives its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self.start("start", None, None)

    def start(self, stage: str, total_bytes: int | None, total_rows: int | None) -> None:
        """Begin a stage at zero."""
        with self._lock:
            self._stage, self._totals, self._begin = stage, (total_bytes, total_rows), self.clock()
            self._rows = self._bytes = self._tokens = self._rejects = 0

    def add(self, rows: int, number_of_bytes: int, tokens: int, rejects: int) -> None:
        """Count what a worker finished."""
        with self._lock:
            self._rows += rows
            self._bytes += number_of_bytes
            self._tokens += tokens
            self._rejects += rejects

    def read(self) -> Reading:
        """Return the counts of this moment."""
        with self._lock:
            past = self.clock() - self._begin
            return Reading(
                self._stage, self._rows, self._bytes, self._tokens, self._rejects, past, *self._totals
            )
