"""How much was asked of each store: requests, attempts beyond the first, bytes, and time that was waited."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields

__all__ = ["Counter", "Traffic", "counter_of", "traffic"]


@dataclass(frozen=True)
class Traffic:
    """What went to and from a store.

    Attributes
    ----------
    requests
        How often it was asked, each attempt counted.
    retries
        Attempts beyond the first of each.
    bytes_read, bytes_written
        Contents of objects, of attempts that succeeded.
    seconds_waited
        Pauses before attempts.
    """

    requests: int = 0
    retries: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    seconds_waited: float = 0.0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Traffic)))

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(*(getattr(self, one.name) - getattr(other, one.name) for one in fields(Traffic)))


class Counter:
    """The traffic of one store, added up by the threads that ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sum = Traffic()

    def add(self, **more: float) -> None:
        """Add to some of the counts.

        Parameters
        ----------
        more
            Fields of `Traffic`.
        """
        with self._lock:
            self._sum += Traffic(**more)  # type: ignore[arg-type]  # whole numbers, but for the seconds

    def snapshot(self) -> Traffic:
        """Return the counts of now."""
        with self._lock:
            return self._sum


_counters: dict[str, Counter] = {}
_lock = threading.Lock()


def counter_of(root: str) -> Counter:
    """Return the counter of a store, which all that ask it in this process share."""
    with _lock:
        return _counters.setdefault(root, Counter())


def traffic() -> dict[str, Traffic]:
    """Return the counts of every store that was asked, by its root's address."""
    with _lock:
        counters = dict(_counters)
    return {root: counters[root].snapshot() for root in sorted(counters)}
