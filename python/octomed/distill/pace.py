"""How many requests are under way, and how fast they begin: as the recipe and the server allow."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = 8
"""Requests under way at the beginning; a server that bears more is told by its good replies."""
_LESS = 0.75
"""What is left of the window where the server is busy."""
_GOOD_FOR_ONE_MORE = 25
"""Good replies after which one more request is under way, once the server was busy."""
_SECONDS_BUSY = 2.0
"""Pause after a busy reply that names none; replies of that time that are busy too narrow nothing more."""
_LONGEST_PAUSE = 600.0
_MINUTE = 60.0


class Pace:
    """Lets requests begin.

    The window of requests under way begins small and grows with each good reply until the server is busy for
    the first time; from then on a busy reply takes a quarter of it, and 25 good ones add one.

    Parameters
    ----------
    concurrency
        Requests under way at most.
    requests, tokens
        Of a minute, at most; None for any number.
    clock
        Returns seconds that only rise.
    """

    def __init__(
        self,
        concurrency: int,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = concurrency
        self.window = float(min(_FIRST, concurrency))
        self._clock = clock
        self._requests = requests
        self._tokens = tokens
        self._begun: deque[float] = deque()
        self._took: deque[tuple[float, int]] = deque()
        self._taken = 0
        self._under_way = 0
        self._was_busy = False
        self._good = 0
        self._not_before = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def under_way(self) -> int:
        """Requests that have begun and not ended."""
        return self._under_way

    async def begin(self) -> None:
        """Wait until a request may begin; each is ended by :meth:`end`."""
        try:
            await self._turn()
        except asyncio.CancelledError:
            self._wake()  # its turn may have come already, and is another's then
            raise
        self._under_way += 1
        if self._requests is not None:
            self._begun.append(self._clock())

    def end(self, tokens: int = 0) -> None:
        """Say that a request ended, and what it took."""
        self._under_way -= 1
        if self._tokens is not None and tokens:
            self._took.append((self._clock(), tokens))
            self._taken += tokens
        self._wake()

    def good(self) -> None:
        """Say that a reply came: the window may grow."""
        self._good += 1
        if not self._was_busy or self._good % _GOOD_FOR_ONE_MORE == 0:
            self.window = min(float(self._most), self.window + 1.0)

    def busy(self, retry_after: float | None = None) -> float:
        """Say that the server is busy; return the seconds for which nothing begins.

        Parameters
        ----------
        retry_after
            Seconds that the server names.
        """
        now = self._clock()
        pause = min(_SECONDS_BUSY if retry_after is None else max(retry_after, 0.0), _LONGEST_PAUSE)
        if now >= self._not_before:  # the first of those that were under way together
            self._was_busy = True
            self.window = max(1.0, self.window * _LESS)
            self._good = 0
        self._not_before = max(self._not_before, now + pause)
        return self._not_before - now

    async def _turn(self) -> None:
        """Wait until the window has room and the limits let a request begin."""
        while True:
            if self._under_way < int(self.window):
                wait = self._seconds_to_wait()
                if wait <= 0:
                    return
                await asyncio.sleep(min(wait, 1.0))
                continue
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            finally:
                if not place.done() or place.cancelled():
                    self._forget(place)

    def _seconds_to_wait(self) -> float:
        now = self._clock()
        wait = self._not_before - now
        if self._requests is not None:
            while self._begun and now - self._begun[0] >= _MINUTE:
                self._begun.popleft()
            if len(self._begun) >= self._requests:
                wait = max(wait, self._begun[0] + _MINUTE - now)
        if self._tokens is not None:
            while self._took and now - self._took[0][0] >= _MINUTE:
                self._taken -= self._took.popleft()[1]
            if self._took and self._taken + self._mean() * self._under_way >= self._tokens:
                wait = max(wait, self._took[0][0] + _MINUTE - now)
        return wait

    def _mean(self) -> float:
        return self._taken / len(self._took)

    def _wake(self) -> None:
        room = int(self.window) - self._under_way
        while room > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                room -= 1

    def _forget(self, place: asyncio.Future[None]) -> None:
        if place in self._waiting:
            self._waiting.remove(place)
