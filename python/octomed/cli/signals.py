"""Signals that end the program, as Ctrl-C does: finished work is kept, the command that resumes is named."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what schedulers and `kill` send; a terminal that closes."""


class Stopped(KeyboardInterrupt):
    """One of them came: what heeds Ctrl-C heeds the others as well.

    Parameters
    ----------
    number
        Which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def stop_by_signals() -> None:
    """Have the first signal end the program in order, and a second one at once.

    One that is ignored stays so: `nohup` has a program outlive its terminal.
    """
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def number_of(stop: KeyboardInterrupt) -> int:
    """Return the signal that an interruption came from."""
    return stop.number if isinstance(stop, Stopped) else (received() or signal.SIGINT)


def said_of(number: int) -> str:
    """Return what a user is told of a signal."""
    what = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
    return f"{what}: finished work is kept and reused"


def received() -> int | None:
    """Return the signal that came, if any: typer makes an exit code of what it raised, that of Ctrl-C."""
    return _received[0] if _received else None


_received: list[int] = []


def _stop(number: int, _: FrameType | None) -> NoReturn:
    _received.append(number)
    for one in ENDING:
        if signal.getsignal(one) is _stop:
            signal.signal(one, signal.SIG_DFL)
    raise Stopped(number)
