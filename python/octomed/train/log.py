"""Lines for whoever watches a training. Imports nothing large: the first line comes before torch."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from typing import Any

from octomed.names import printable
from octomed.report.events import event_line, message_line

EVENTS = "OCTOMED_EVENTS"
"""Variable that is set where lines are events, one JSON object each: `octomed train --json`."""


def wants_events() -> bool:
    """Tell whether lines are events."""
    return bool(os.environ.get(EVENTS))


def log_rank0(text: str) -> None:
    """Print a line to standard error, on rank 0, or the event that it is."""
    if os.environ.get("RANK", "0") == "0":
        say(message_line(printable(text)) if wants_events() else printable(text))


def event_rank0(line: str, event: str, **values: Any) -> None:  # noqa: ANN401 the fields of its record
    """Print a line on rank 0; where lines are events, that event instead.

    Parameters
    ----------
    line
        In words.
    event, values
        Its record (:mod:`octomed.report.events`); a number that is none is null.
    """
    if not wants_events():
        log_rank0(line)
    elif os.environ.get("RANK", "0") == "0":
        say(event_line(event, **{name: _finite(value) for name, value in values.items()}))


def say(line: str) -> None:
    """Print a line; a terminal that was closed is no reason to end otherwise."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 what a user watches


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
