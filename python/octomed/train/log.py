"""Lines for whoever watches a training."""

from __future__ import annotations

import sys

from composer.utils import dist

from octomed.names import printable


def log_rank0(text: str) -> None:
    """Print a line to standard error, on rank 0."""
    if dist.get_global_rank() == 0:
        print(printable(text), file=sys.stderr, flush=True)  # noqa: T201 what a user watches
