"""What goes where: data to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from octomed.cli.signals import number_of, said_of
from octomed.commands import shell_words
from octomed.errors import OctomedError, RecipeError
from octomed.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from octomed.recipe import Problem


class Interrupted(OctomedError):
    """Ctrl-C, or another signal that ends the program.

    Parameters
    ----------
    stop
        What the signal raised.
    """

    exit_code = 128 + signal.SIGINT

    def __init__(self, stop: KeyboardInterrupt) -> None:
        number = number_of(stop)
        self.exit_code = 128 + number
        super().__init__(said_of(number))


def out(text: str) -> None:
    """Print a line of data, JSON or not: a line end in it is written as an escape."""
    sys.stdout.write(f"{_one_line(text)}\n")


def out_lines(text: str) -> None:
    """Print data of several lines."""
    sys.stdout.write(f"{printable(text)}\n")


def log(text: str) -> None:
    """Print a line that is no data; where events are wanted, as one."""
    if _wants_events:
        from octomed.report.events import message_line

        text = message_line(printable(text))
    _write_log(text)


def log_event(event: str, **values: object) -> None:
    """Print an event, where events are wanted."""
    if _wants_events:
        from octomed.report.events import event_line

        _write_log(event_line(event, **values))


_wants_events: list[bool] = []
"""Whether the verb was given `--json`: then every line on standard error is an event."""


def want_events(wanted: bool) -> None:
    """Have all that is no data printed as events from now on, or as text."""
    _wants_events[:] = [True] if wanted else []


def wants_events() -> bool:
    """Tell whether events are wanted."""
    return bool(_wants_events)


def _write_log(text: str) -> None:
    sys.stderr.write(f"{_one_line(text)}\n")


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def console() -> Console:
    """Return standard output as rich sees it; NO_COLOR is honoured."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False)


@contextlib.contextmanager
def resumable(command: Sequence[str]) -> Iterator[None]:
    """Give every error inside the command that resumes the run."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise _with_resume(Interrupted(stop), command) from None
    except OctomedError as error:
        raise _with_resume(error, command) from error.__cause__
    except Exception as error:
        _with_resume(error, command)
        raise


def _with_resume(error: Exception, command: Sequence[str]) -> Exception:
    error.resume = shell_words(command)  # type: ignore[attr-defined]
    return error


def show_error(error: Exception, *, json_lines: bool) -> None:
    """Print an error, its hint, and the command that resumes the run."""
    resume = getattr(error, "resume", None)
    if json_lines:
        want_events(True)
        log_event("error", **_event(error, resume))
        return
    from rich.console import Console

    parts: Sequence[Exception | Problem] = _problems(error) or [error]
    screen = Console(stderr=True, highlight=False, markup=False)
    for part in parts:
        _say(screen, "error", "bold red", str(part))
        hint = getattr(part, "hint", None)
        if hint:
            _say(screen, "hint", "bold cyan", hint)
    if resume and getattr(error, "exit_code", 70) != OctomedError.exit_code and not _about_recipe(error):
        _say(screen, "resume", "bold", f"`{resume}`")


def _problems(error: Exception) -> Sequence[Problem]:
    """Return what a recipe's error is made of; the class itself would load the recipe's libraries."""
    return getattr(error, "problems", ())


def _event(error: Exception, resume: str | None) -> dict[str, object]:
    """Return the fields of an error's event."""
    parts = [{"place": str(one.place), "message": one.message, "hint": one.hint} for one in _problems(error)]
    code = getattr(error, "exit_code", OctomedError.exit_code)
    hint = getattr(error, "hint", None)
    said = {"message": str(error), "hint": hint, "resume": resume, "exit_code": code}
    return {**said, "problems": parts} if parts else said


def _about_recipe(error: Exception) -> bool:
    """Tell whether the command would only fail again: recipe or options must be fixed first."""
    return isinstance(error, RecipeError)


def _say(screen: Console, label: str, style: str, text: str) -> None:
    from rich.text import Text

    # Lines of a foreign error are indented: none of them may look like one of ours.
    lines = printable(text).replace("\n", "\n  ")
    screen.print(Text.assemble((f"{label}:", style), f" {lines}"), soft_wrap=True)
