"""What `train.py` runs: words of the command line in, an exit code out."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from typing import TYPE_CHECKING

from octomed.commands import train_command
from octomed.errors import OctomedError, RecipeError, StorageError
from octomed.names import printable
from octomed.report.events import event_line
from octomed.stream.versions import check_installed
from octomed.train.exit_codes import Failure, open_channel, send
from octomed.train.log import log_rank0, say, wants_events
from octomed.train.signals import FIRST_CODE, STOP, held_back
from octomed.train.threads import share_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.train.exit_codes import Channel

USAGE = """usage: composer [-n RANKS] train.py RECIPE [KEY=VALUE ...]

Trains as a recipe says. KEY=VALUE overrides any of its keys: optimizer.lr=1e-4 max_duration=10ba
  composer -n 2 train.py recipes/train/quickstart.yaml

RANKS is the number of processes of this machine, one a GPU. The keys are those of docs/training.md.
Each rank takes its share of the cores: `OMP_NUM_THREADS`, or the key `threads_per_rank`, says otherwise.

Exit codes: 0 done, 2 recipe, 3 data, 4 storage, 70 internal; 128 and a signal's number after Ctrl-C (130),
SIGTERM (143), SIGHUP (129), or where a rank was killed (137). The command that resumes is printed then.
"""

_RESUME = "resume: "
SECONDS_OF_ALL, SECONDS_OF_ONE = 20.0, 3.0
"""How long a rank waits for the first one to end: with a fault that all find, and with one of its own."""


def main(arguments: Sequence[str]) -> int:
    """Train, and return the exit code of `octomed`'s commands: 2 recipe, 3 data, 4 storage, 70 internal.

    All ranks of a machine return the code of the one that failed.

    Parameters
    ----------
    arguments
        A recipe, and overrides.
    """
    if not arguments or {"-h", "--help"} & set(arguments):
        print(USAGE, end="")  # noqa: T201 the answer to a question
        return 0 if arguments else 2
    warnings.filterwarnings("ignore", module=r"composer|streaming|torch\.distributed|torchmetrics")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it wants a faster kernel, used or not
    last_words = _LastWords(arguments)
    with STOP.listening(last_words.of_signal), open_channel(last_words.of_failure) as channel:
        try:
            _train(arguments)
        except BaseException as error:
            code = _told(error, channel, last_words)
            if code is None:
                raise
            return code
    return 0


def _train(arguments: Sequence[str]) -> None:
    from octomed.train.recipe import load_train_recipe  # noqa: PLC0415 a wrong recipe is told without torch

    recipe = load_train_recipe(arguments[0], arguments[1:])
    share_cores(recipe.threads_per_rank)  # before anything is loaded that makes threads
    if not recipe.model.compile_layers:  # else torch keeps a process ready that would compile
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    log_rank0("loading torch, transformers and composer")
    with held_back():  # from processes that are started meanwhile: another thread takes them for this one
        from octomed.train.failures import storage_failure  # noqa: PLC0415 takes ten seconds

        check_installed("mosaicml")
        from octomed.train.run import train  # noqa: PLC0415 as above

    STOP.take()  # Composer has set handlers of its own
    try:
        train(recipe)
    except OctomedError:
        raise
    except Exception as error:
        failure = storage_failure(error)
        if failure is None:
            raise
        raise failure from error


def _told(error: BaseException, channel: Channel, last_words: _LastWords) -> int | None:
    """Tell how the training ended, and return the exit code; None where Python has to tell it."""
    signalled = STOP.catch()
    if isinstance(error, SystemExit):  # Composer makes it of a signal
        if isinstance(error.code, str):  # a message of somebody else's
            return None
        code = int(error.code or 0)
        signalled = signalled or (code - FIRST_CODE if code > FIRST_CODE else None)
    elif isinstance(error, KeyboardInterrupt):
        signalled = signalled or 2
    if signalled is None and isinstance(error, OctomedError):
        last_words.of_error(error)
        send(error.exit_code, SECONDS_OF_ALL if isinstance(error, RecipeError) else SECONDS_OF_ONE)
        return error.exit_code
    failure = channel.failure  # that rank was first, and the launcher has sent the signal
    if failure is not None:
        if signalled is not None and failure.code == FIRST_CODE + signalled:
            last_words.of_signal(signalled)  # all ranks were sent it
        else:
            last_words.of_failure(failure)
        return channel.leave(failure.code)
    if signalled is not None:
        last_words.of_signal(signalled)
        send(FIRST_CODE + signalled, SECONDS_OF_ONE)
        return channel.leave(FIRST_CODE + signalled)
    if isinstance(error, SystemExit):
        return channel.leave(int(error.code or 0))
    send(1, SECONDS_OF_ONE)
    return None


class _LastWords:
    """What is said of a training's end: once, for a second thread may say it where the first hangs."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._said = False

    def of_error(self, error: OctomedError) -> None:
        """Say what went wrong. All ranks find the same fault in a recipe, so the first speaks for all."""
        if isinstance(error, RecipeError) and os.environ.get("RANK", "0") != "0":
            return
        way_on = self._way_on() if isinstance(error, StorageError) else None
        if wants_events():
            _say_error(error.message, error.hint, way_on, error.exit_code)
            return
        say(f"error: {printable(error.message)}")
        if error.hint:
            say(f"hint: {printable(error.hint)}")
        if way_on:
            say(way_on)

    def of_signal(self, number: int) -> None:
        """Say which signal ended the training, and how to resume it; on the first rank."""
        self._of_end(f"stopped by signal {number}", FIRST_CODE + number)

    def of_failure(self, failure: Failure) -> None:
        """Say how another rank ended, if it could not; and how to resume."""
        number = failure.code - FIRST_CODE
        if number > 0:
            reason = ", as the system does when memory runs out" if number == 9 else ""  # noqa: PLR2004 SIGKILL
            text = f"stopped: rank {failure.rank} was ended by signal {number}{reason}"
            self._of_end(text, failure.code)

    def _of_end(self, text: str, code: int) -> None:
        if not self._said and os.environ.get("RANK", "0") == "0":
            self._said = True
            if wants_events():
                _say_error(text, None, self._way_on(), code)
            else:
                say(text)
                say(self._way_on())

    def _way_on(self) -> str:
        """Return the command that resumes; where nothing was to be saved, say so."""
        from octomed.train.recipe import load_train_recipe  # noqa: PLC0415 as above

        words = list(dict.fromkeys([*self._arguments, "autoresume=true"]))
        with contextlib.suppress(OctomedError):  # a recipe that is not there any more
            recipe = load_train_recipe(self._arguments[0], self._arguments[1:])
            if recipe.save_folder is None:
                return "nothing to resume from: the recipe has no `save_folder`"
            if recipe.save_weights_only:
                return "nothing to resume from: `save_weights_only` leaves the optimizer state out"
            words += ["load_path=null"] if recipe.load_path else []
        ranks = os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE", "1")
        return f"{_RESUME}{train_command(words, ranks)}"


def _say_error(message: str, hint: str | None, way_on: str | None, code: int) -> None:
    """Print the event of a training's end; what stands in the way of going on is a hint."""
    resume = None if way_on is None else way_on.removeprefix(_RESUME)
    if resume == way_on:
        hint, resume = hint or way_on, None
    say(event_line("error", message=message, hint=hint, resume=resume, exit_code=code))
