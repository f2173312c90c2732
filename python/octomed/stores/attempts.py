"""A request made again until it succeeds: how often, after which pause, and what an error of it is called."""

from __future__ import annotations

import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from obstore.exceptions import BaseError

from octomed.aside import aside
from octomed.errors import StorageError
from octomed.stores.faults import BadAnswer, Refused, fault_of_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.stores.faults import Fault
    from octomed.stores.traffic import Counter

    T = TypeVar("T")

__all__ = ["Attempts", "Failed"]

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 20.0
_BUSY_FACTOR = 4
"""How much longer a store is left alone that asks for fewer requests."""

_NEVER_REACHED = 4
"""Attempts to reach what has never answered: it is more often misspelled than out of order."""

_RENEWALS = 3
_draw = secrets.SystemRandom()
"""Not the process's own generator: ranks with one seed would all come back at once."""


class Failed(Exception):
    """A request that failed for good.

    Parameters
    ----------
    fault
        Why.
    attempts
        How often it was made.
    """

    def __init__(self, fault: Fault, attempts: int) -> None:
        super().__init__(fault.reason)
        self.fault = fault
        self.attempts = attempts

    def error(self, action: str, address: str) -> StorageError:
        """Return what the user is told."""
        after = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return StorageError(f"cannot {action} `{address}`{after}: {self.fault.reason}", self.fault.hint)


@dataclass
class Attempts:
    """What all requests to one bucket have in common.

    Attributes
    ----------
    most
        How often each is made.
    connections
        How many are made at once.
    counter
        Where they are counted.
    renew
        Called when the credentials have expired.
    """

    most: int
    connections: int
    counter: Counter
    renew: Callable[[], None]
    answered: bool = False
    _room: threading.BoundedSemaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._room = threading.BoundedSemaphore(self.connections)

    def run(self, request: Callable[[], T], *, conflicts_pass: bool = False) -> T:
        """Make a request, again where that may help, and return what it gives.

        Parameters
        ----------
        request
            Makes it once; may raise `BadAnswer`.
        conflicts_pass
            Whether "exists already" means that somebody else writes at this moment.

        Raises
        ------
        Failed
            When it does not succeed, saying why.
        """
        made = 0
        while True:
            made += 1
            self.counter.add(requests=1, retries=int(made > 1))
            fault = self._once(request)
            if not isinstance(fault, _Failure):
                self.answered = True
                return fault
            self._wait_or_fail(fault.fault, made, conflicts_pass=conflicts_pass)

    def _once(self, request: Callable[[], T]) -> T | _Failure:
        _refuse_forked()
        with self._room:
            try:
                return _heeding_signals(request)
            except (BaseError, BadAnswer, Refused, OSError, ValueError, NotImplementedError) as error:
                return _Failure(fault_of_error(error))

    def _wait_or_fail(self, fault: Fault, made: int, *, conflicts_pass: bool) -> None:
        most = self.most
        if fault.kind == "expired" or (fault.kind == "credentials" and self.answered):
            most = min(most, _RENEWALS)
        elif not (fault.passes or (conflicts_pass and fault.kind == "exists")):
            most = 0
        elif not self.answered:
            most = min(most, _NEVER_REACHED)
        if fault.kind not in {"unreachable", "credentials"}:
            self.answered = True
        if made >= most:
            raise Failed(fault, made) from None
        pause = pause_before(made, busy=fault.kind == "busy")
        self.counter.add(seconds_waited=pause)
        time.sleep(pause)
        if fault.kind in {"expired", "credentials"}:
            self.renew()


@dataclass(frozen=True)
class _Failure:
    fault: Fault


def _heeding_signals(request: Callable[[], T]) -> T:
    """Make a request beside the main thread, which hears no Ctrl-C while the client waits for an answer."""
    return request() if threading.current_thread() is not threading.main_thread() else aside(request)


_first_process: list[int] = []


def _refuse_forked() -> None:
    """Refuse a request that would wait without end: the client's threads are in another process."""
    if not _first_process:
        _first_process.append(os.getpid())
    if _first_process[0] != os.getpid():
        raise StorageError(
            "a store is asked in a process that was forked off one that asked stores itself",
            "start such processes by `spawn`",
        )


def pause_before(made: int, *, busy: bool = False) -> float:
    """Return how long to wait before another attempt: full jitter below a bound that doubles.

    Parameters
    ----------
    made
        How many were made.
    busy
        Whether the store asked for fewer requests.

    Examples
    --------
    >>> 0 <= pause_before(1) <= 0.2, pause_before(50) <= 20
    (True, True)
    """
    bound = min(_FIRST_PAUSE * 2 ** min(made - 1, 30) * (_BUSY_FACTOR if busy else 1), _LONGEST_PAUSE)
    return _draw.uniform(bound / 4 if busy else 0, bound)
