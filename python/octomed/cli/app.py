"""The program `octomed`: its verbs, and what becomes of their errors."""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from octomed.cli.pipes import outlive_readers
from octomed.cli.signals import Stopped, received
from octomed.cli.starting import leave_on_signals
from octomed.cli.terminal import Interrupted, log, log_event, out, show_error, want_events
from octomed.cli.verbs import COMPLETE, SETTINGS, Verbs
from octomed.errors import InternalError, OctomedError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HELP = """Reasoning traces in, packed MDS shards out, and models trained on them.

\b
A first run:
  octomed check recipes/quickstart.yaml     is the recipe valid, and do its files fit?
  octomed plan recipes/quickstart.yaml      what will it cost?
  octomed pack recipes/quickstart.yaml      do it; a stopped run resumes
  octomed verify runs/quickstart            is every byte of the run intact?
  octomed inspect runs/quickstart           what is in it?
  octomed rejects runs/quickstart           what is not, and why?
  octomed report runs/quickstart            all of it as a page for a browser

\b
A first training, with the extra `train`; without a clone `octomed recipes` has the recipes:
  octomed pack recipes/quickstart-train.yaml            what it trains on
  octomed train-plan recipes/train/quickstart.yaml      does it fit?
  octomed train recipes/train/quickstart.yaml -n 2      two processes; a stopped training resumes

\b
Exit codes: 0 done, 2 recipe or usage, 3 data, 4 storage, 70 internal, 130 Ctrl-C, 143 SIGTERM. A reader
that exits early (`| head -1`) changes none of them: the work continues, and further output is discarded.
"""

LONG = frozenset(
    {
        "annotate",
        "clean",
        "distill",
        "evaluate",
        "export",
        "pack",
        "plan",
        "push",
        "report",
        "train",
        "train-plan",
        "verify",
    }
)
"""Verbs that may work for long: with `--json` their events have a beginning and an end."""

app = typer.Typer(
    name="octomed",
    cls=Verbs,
    help=_HELP,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=dict(SETTINGS),
)


def _version(value: bool) -> None:
    if value:
        out(f"octomed {_octomed_version()}")
        raise typer.Exit


def _octomed_version() -> str:
    from octomed import _octomed

    return _octomed.__version__


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.
    """
    # What loads is kept; looking for garbage in it again and again takes longer than some verbs do.
    gc.set_threshold(1 << 18)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] != ["train"]:
        # NumPy comes with Arrow and multiplies no matrix here: its threads would only take time from ours.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    outlive_readers()
    leave_on_signals(arguments)
    code = run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are closed and in their places. Python would take apart what the system frees at once, and
    # after Ctrl-C wait for threads inside a long call: what they write appears by rename, so that this is no
    # worse than `kill -9`, after which a run resumes as well.
    os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code; with `--json` its words are events."""
    json_lines = "--json" in arguments
    want_events(json_lines)
    verb, began = next(iter(arguments), ""), time.monotonic()
    told = json_lines and verb in LONG  # what says the version loads the extension
    if told:
        log_event("begin", verb=verb, version=_octomed_version())
    code = _run(arguments, json_lines=json_lines)
    if told:
        log_event("end", verb=verb, exit_code=code, seconds=round(time.monotonic() - began, 3))
    return code


def _run(arguments: Sequence[str], *, json_lines: bool) -> int:
    command: Any = typer.main.get_command(app)
    if COMPLETE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        code = command.main(list(arguments) or ["--help"], prog_name="octomed", standalone_mode=False)
        _raise_what_typer_caught(code)
    except KeyboardInterrupt as stop:
        interrupted = Interrupted(stop)
        show_error(interrupted, json_lines=json_lines)
        return interrupted.exit_code
    except OctomedError as error:
        show_error(error, json_lines=json_lines)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 whatever it is, the user gets a code and a place to report it
        return _unexpected(error, json_lines=json_lines)
    finally:
        _remove_fetched()
    return code if isinstance(code, int) else 0


def _remove_fetched() -> None:
    """Remove what was fetched of objects in stores; only an address has loaded what does that."""
    fetched = sys.modules.get("octomed.stores.mirrors")
    if fetched is not None:
        fetched.mirrors.clear(held=True)


def _raise_what_typer_caught(code: object) -> None:
    """Raise a signal's interruption again, of which typer makes the exit code of Ctrl-C and no word."""
    if code == Interrupted.exit_code and (number := received()) is not None:
        raise Stopped(number)


def _unexpected(error: Exception, *, json_lines: bool) -> int:
    """Tell a wrong use of the command line, which typer raises, from a fault of ours."""
    if hasattr(error, "format_message"):
        usage = RecipeError(_sentence(error.format_message()), _usage_hint(error))
        show_error(usage, json_lines=json_lines)
        return usage.exit_code
    for line in "".join(traceback.format_exception(error)).splitlines():
        log(line)
    fault = InternalError(
        f"unexpected {type(error).__name__}: {error}",
        "this is a bug in octomed: please report it with the lines above",
    )
    show_error(fault, json_lines=json_lines)
    return fault.exit_code


def _sentence(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")


def _usage_hint(error: Any) -> str:  # noqa: ANN401 an error of typer's, whichever version
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", None) or "octomed"
    return f"`{path} --help` shows the usage"
