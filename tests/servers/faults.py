"""What can go wrong between a client and a server, drawn by a seed."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.message import Request

BEFORE = ("error_500", "error_503", "error_429", "reset", "timeout", "html")
"""Nothing was done, and the client learns it, or does not: `html` is a page of a proxy with status 200."""
AFTER = ("late_500", "late_reset")
"""It was done, and the client does not learn it."""
BODIES = ("short_body", "stall", "wrong_length", "long_body")
"""It was done, and the body of the answer is not what it should be.

`short_body` ends early; `stall` stops halfway and hangs; `wrong_length` is half of it, whose length says that
this is all; `long_body` has bytes too many.
"""
ALL = BEFORE + AFTER + BODIES
PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Who are you?</body></html>"


@dataclass
class Faults:
    """Which requests fail, and how.

    Attributes
    ----------
    rate
        The share of requests that fail.
    kinds
        How, each as often as the others.
    only
        A pattern that must be found in `METHOD target` of a request that may fail.
    most
        How many may fail in all; ``None`` for any number.
    skip
        How many that could fail are let through first.
    in_a_row
        How often the same request may fail one time after the other; ``None`` for any number.
    hang
        Seconds that `timeout` and `stall` hold the client.
    seed
        Decides all of it, but for the order in which threads ask.
    """

    rate: float = 0.0
    kinds: list[str] = field(default_factory=lambda: list(ALL))
    only: str = ""
    most: int | None = None
    skip: int = 0
    in_a_row: int | None = None
    hang: float = 3.0
    seed: int = 1

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(ALL)
        assert not unknown, f"no faults: {unknown}"
        self._draw, self._lock = random.Random(self.seed), threading.Lock()
        self._failed, self._rows = 0, dict[str, int]()

    def kind_for(self, request: Request) -> str | None:
        """Draw what goes wrong with a request."""
        if not self.rate:
            return None
        name = f"{request.method} {request.target}"
        with self._lock:
            if self.only and not re.search(self.only, name):
                return None
            if self.skip:
                self.skip -= 1
                return None
            spent = self.most is not None and self._failed >= self.most
            row = self._rows.get(name, 0)
            spent = spent or (self.in_a_row is not None and row >= self.in_a_row)
            if spent or self._draw.random() >= self.rate:
                self._rows[name] = 0
                return None
            self._failed += 1
            self._rows[name] = row + 1
            return self._draw.choice(self.kinds)
