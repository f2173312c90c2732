"""The command line: one file a verb, and no logic in them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.
    """
    from octomed.cli.starting import leave_on_signals

    arguments = sys.argv[1:] if arguments is None else list(arguments)
    leave_on_signals(arguments)
    from octomed.cli.app import main as run

    run(arguments)
