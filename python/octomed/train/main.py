"""What `train.py` runs: words of the command line in, an exit code out."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING

from octomed.commands import shell_words
from octomed.errors import OctomedError, RecipeError, StorageError
from octomed.names import printable
from octomed.stream.versions import check_installed
from octomed.train.exit_codes import open_channel, send

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = """usage: composer [-n RANKS] train.py RECIPE [KEY=VALUE ...]

Trains as a recipe says. KEY=VALUE overrides any of its keys: optimizer.lr=1e-4 max_duration=10ba
  composer -n 2 train.py recipes/train/quickstart.yaml
"""

SECONDS_OF_ALL, SECONDS_OF_ONE = 20.0, 3.0
"""How long a rank waits for the first one to end: with a fault that all find, and with one of its own."""
SIGNALLED = 128
"""Exit codes above it are 128 and a signal's number."""


def main(arguments: Sequence[str]) -> int:
    """Train, and return the exit code of `octomed`'s commands: 2 recipe, 3 data, 4 storage, 70 internal.

    All ranks of a machine return the code of the one that failed.

    Parameters
    ----------
    arguments
        A recipe, and overrides.
    """
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(USAGE, end="")  # noqa: T201 the answer to a question
        return 0 if arguments else 2
    warnings.filterwarnings("ignore", module=r"composer|streaming|torch\.distributed|torchmetrics")
    with open_channel() as channel:
        try:
            _train(arguments)
        except OctomedError as error:
            _show(error, arguments)
            send(error.exit_code, SECONDS_OF_ALL if isinstance(error, RecipeError) else SECONDS_OF_ONE)
            return error.exit_code
        except SystemExit as stop:  # Composer makes it of a signal
            if isinstance(stop.code, str):  # a message of somebody else's, which Python prints
                raise
            code = channel.code or int(stop.code or 0)
            if code > SIGNALLED:
                _show_stop(code - SIGNALLED, arguments)
                send(code, SECONDS_OF_ONE)
            return channel.leave(code)
        except Exception:
            if channel.code is not None:
                return channel.leave(channel.code)  # the rank that failed has said why
            send(1, SECONDS_OF_ONE)
            raise
    return 0


def _train(arguments: Sequence[str]) -> None:
    from octomed.train.recipe import load_train_recipe  # noqa: PLC0415 a wrong recipe is told without torch

    recipe = load_train_recipe(arguments[0], arguments[1:])
    from octomed.train.failures import storage_failure  # noqa: PLC0415 takes ten seconds

    check_installed("mosaicml")
    from octomed.train.run import train  # noqa: PLC0415 as above

    try:
        train(recipe)
    except OctomedError:
        raise
    except Exception as error:
        failure = storage_failure(error)
        if failure is None:
            raise
        raise failure from error


def _show(error: OctomedError, arguments: Sequence[str]) -> None:
    """Say what went wrong. All ranks find the same fault in a recipe, so there the first speaks for all."""
    if isinstance(error, RecipeError) and os.environ.get("RANK", "0") != "0":
        return
    print(f"error: {printable(error.message)}", file=sys.stderr)  # noqa: T201 a message
    if error.hint:
        print(f"hint: {printable(error.hint)}", file=sys.stderr)  # noqa: T201 a message
    if isinstance(error, StorageError):
        _show_resume(arguments)


def _show_stop(number: int, arguments: Sequence[str]) -> None:
    """Say which signal ended the training, and how to resume it; on the first rank."""
    if os.environ.get("RANK", "0") == "0":
        print(f"stopped by signal {number}", file=sys.stderr)  # noqa: T201 a message
        _show_resume(arguments)


def _show_resume(arguments: Sequence[str]) -> None:
    words = [*dict.fromkeys([*arguments, "autoresume=true"])]
    ranks = os.environ.get("WORLD_SIZE", "1")
    print(f"resume: composer -n {ranks} train.py {shell_words(words)}", file=sys.stderr)  # noqa: T201 a message
