"""Lines for whoever watches a training. Imports nothing large: the first line comes before torch."""

from __future__ import annotations

import contextlib
import os
import sys

from octomed.names import printable


def log_rank0(text: str) -> None:
    """Print a line to standard error, on rank 0; a terminal that was closed is no reason to end otherwise."""
    if os.environ.get("RANK", "0") == "0":
        with contextlib.suppress(OSError):
            print(printable(text), file=sys.stderr, flush=True)  # noqa: T201 what a user watches
