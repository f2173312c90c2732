"""Whom a server lets in, what may be written, and what its clock says."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

MOST_SKEW = 900


@dataclass
class Rules:
    """What a store refuses, beside what is not there.

    Attributes
    ----------
    keys
        The names of credentials that are let in; ``None`` for all.
    anonymous
        Whether requests without credentials are let in.
    expire_after
        Number of requests with credentials after which these have expired.
    readonly
        Whether nothing may be written.
    quota
        Bytes that all objects together may have.
    clock
        Seconds that the server's clock is ahead of this machine's.
    ranges
        Whether a part of an object may be asked for (the web's servers need not know how).
    page
        Names in a page of a listing.
    least_part
        Bytes of the smallest part of an upload, the last one excepted.
    latency
        Seconds before each answer.
    speed
        Bytes a second that one client, by its credentials, gets and sends.
    replace
        Objects that are replaced once they have been read so often: `{name: {"after": 2, "data": base64}}`.
    upstream
        The server behind a proxy.
    """

    keys: list[str] | None = None
    anonymous: bool = True
    expire_after: int | None = None
    readonly: bool = False
    quota: int | None = None
    clock: float = 0.0
    ranges: bool = True
    page: int = 1000
    least_part: int = 5 << 20
    latency: float = 0.0
    speed: float | None = None
    replace: dict[str, dict[str, Any]] = field(default_factory=dict)
    upstream: str = ""

    def __post_init__(self) -> None:
        self._seen, self._lock = 0, threading.Lock()

    @property
    def now(self) -> float:
        return time.time() + self.clock

    def refusal(self, who: str | None, *, writes: bool, said: float | None) -> str | None:
        """Tell why a request is refused.

        Parameters
        ----------
        who
            The name of the credentials; ``None`` without.
        writes
            Whether it changes something.
        said
            Its time, as its signature says.
        """
        if who is None and not self.anonymous:
            return "none"
        if who is not None and self.keys is not None and who not in self.keys:
            return "wrong"
        if who is not None and self._expired():
            return "expired"
        if said is not None and abs(said - self.now) > MOST_SKEW:
            return "skewed"
        return "readonly" if writes and self.readonly else None

    def _expired(self) -> bool:
        with self._lock:
            self._seen += 1
            return self.expire_after is not None and self._seen > self.expire_after


class Pace:
    """Shares out bytes a second, to each client for itself."""

    def __init__(self) -> None:
        self._free: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, who: str, size: int, rate: float) -> None:
        """Wait until bytes may pass."""
        with self._lock:
            now = time.monotonic()
            begin = max(self._free.get(who, now), now)
            self._free[who] = begin + size / rate
        time.sleep(max(begin + size / rate - now, 0))
