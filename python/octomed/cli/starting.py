"""Signals while libraries load, which make of an exception raised there a failure of their own.

Nothing heavy is imported here, because until this is loaded a signal ends the process silently.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NoReturn

from octomed.cli.signals import ENDING, said_of
from octomed.commands import shell_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_WITH_VALUE = frozenset({"--set", "--workers"})


def leave_on_signals(arguments: Sequence[str]) -> None:
    """Have a signal end the process at once, with its code, a line that says so, and the resuming command.

    That is enough for whatever writes nothing; a verb that does calls `stop_by_signals` before it begins to.

    Parameters
    ----------
    arguments : sequence of str
        Those of the process.
    """

    def leave(number: int, _: FrameType | None) -> NoReturn:
        # What is printed already goes first, unless the signal came in the middle of that.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        with contextlib.suppress(OSError):
            os.write(2, _said(number, arguments).encode(errors="backslashreplace"))
        os._exit(128 + number)

    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def _said(number: int, arguments: Sequence[str]) -> str:
    message, resume = said_of(number), resuming(arguments)
    if "--json" in arguments:
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"message": message, "hint": None, "resume": resume, "exit_code": 128 + number}
        return json.dumps({"event": "error", "time": time, **said}) + "\n"
    return f"error: {message}\n" + (f"resume: `{resume}`\n" if resume else "")


def resuming(arguments: Sequence[str]) -> str | None:
    """Return the command that resumes a run, or None where the arguments are none of one.

    Parameters
    ----------
    arguments : sequence of str
        Those of the process.
    """
    verb, *rest = arguments or [""]
    words = [word for word in rest if word != "--json"]
    before = ["", *words]
    has_recipe = any(
        previous == "--" or (not word.startswith("-") and previous not in _WITH_VALUE)
        for previous, word in zip(before, words, strict=False)
    )
    return shell_words(["octomed", verb, *words]) if verb == "pack" and has_recipe else None
