"""What `octomed train` becomes: Composer's launcher for several processes, the training itself for one.

Run as `python -m octomed.train.launcher [--nproc N] -- RECIPE [KEY=VALUE ...]`. Composer's launcher leaves
its ranks alone when it is ended by a signal, and makes negative exit codes of ranks that were killed; here
signals are passed on, and such a code is 128 and the signal's number, as a shell has it.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from octomed.commands import train_command
from octomed.report.events import event_line
from octomed.shipped import TRAIN_SCRIPT
from octomed.train.log import say, wants_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what schedulers and `kill` send; a terminal that closes."""
DOLLAR = "OCTOMED_DOLLAR"
"""Variable that stands for a dollar sign: Composer's launcher expands variables in a rank's words."""
_WARM_POOL = "TORCH_WARM_POOL"
"""Variable by which torch knows whether to start processes that compile."""
AT_ONCE = 2.0
"""Seconds in which signals are one: a group gets what its members pass on."""


def main(arguments: Sequence[str]) -> int:
    """Train on this machine, and return the exit code.

    Parameters
    ----------
    arguments
        Those of the process.
    """
    parser = argparse.ArgumentParser(prog="octomed train")
    parser.add_argument("--nproc", type=int)
    parser.add_argument("words", nargs="+")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    code = _run(given.words, given.nproc)
    if wants_events():
        say(event_line("end", verb="train", exit_code=code, seconds=round(time.monotonic() - began, 3)))
    return code


def _run(words: Sequence[str], nproc: int | None) -> int:
    signals = Signals(words)
    signals.heed()
    number = nproc or _default()
    if number == 1 and os.environ.get("WORLD_SIZE", "1") == "1":
        signals.leave()
        return _train(words)
    code = _launch(number, words, signals)
    return 128 - code if code < 0 else code


def as_rank_word(word: str) -> str:
    """Return a word so that Composer's launcher hands on what it was.

    Examples
    --------
    >>> as_rank_word("run_name=$HOME")
    'run_name=${OCTOMED_DOLLAR}HOME'
    """
    word = word.replace("$", f"${{{DOLLAR}}}")
    return f"./{word}" if word.startswith("~") else word


class Signals:
    """Hands signals on to the ranks, or ends the process while there are none.

    Parameters
    ----------
    words
        Of the command line, for the command that resumes.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._first: float | None = None
        # One that is ignored, as with `nohup`, stays so.
        self._usual = {one: usual for one in ENDING if (usual := signal.getsignal(one)) != signal.SIG_IGN}

    def heed(self) -> None:
        """Take the signals that end a program."""
        for number in self._usual:
            signal.signal(number, self._came)

    def leave(self) -> None:
        """Give them back to what runs in this process."""
        for number, usual in self._usual.items():
            signal.signal(number, usual)

    def _came(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is not None and now - self._first > AT_ONCE:
            raise KeyboardInterrupt  # the second one: Composer's launcher ends the ranks, and then kills them
        self._first = self._first or now
        ranks = _children()
        for rank in ranks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rank, number)
        if not ranks:
            self._end(number)

    def _end(self, number: int) -> None:
        resume = train_command(self._words, os.environ.get("LOCAL_WORLD_SIZE", "1"))
        message = f"stopped by signal {number}"
        said = f"{message}\nresume: {resume}\n"
        if wants_events():
            said = (
                event_line("error", message=message, hint=None, resume=resume, exit_code=128 + number) + "\n"
            )
        os.write(2, said.encode(errors="backslashreplace"))
        os._exit(128 + number)


def _children() -> list[int]:
    """Return the processes that this one started and that still run."""
    psutil: Any = sys.modules.get("psutil")  # Composer's launcher loads it before it starts any
    return [] if psutil is None else [child.pid for child in psutil.Process().children()]


def _default() -> int:
    """Return how many processes Composer's launcher would start."""
    import torch  # noqa: PLC0415 takes seconds, and a signal has to be heeded before

    return int(os.environ.get("LOCAL_WORLD_SIZE", "0")) or max(1, torch.cuda.device_count())


def _train(words: Sequence[str]) -> int:
    from octomed.train.main import main as train  # noqa: PLC0415 loads what one process needs

    return train(words)


def _launch(number: int, words: Sequence[str], signals: Signals) -> int:
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # Composer loads it; it wants a faster kernel
    with _without_compilers():
        from composer.cli import launcher  # noqa: PLC0415 takes seconds

    signals.heed()  # again: Composer takes them when it is imported, to end this process alone
    os.environ[DOLLAR] = "$"
    sys.argv = ["composer", "-n", str(number), str(TRAIN_SCRIPT), *map(as_rank_word, words)]
    launch: Any = launcher.main
    return int(launch())


@contextlib.contextmanager
def _without_compilers() -> Iterator[None]:
    """Have torch start no process that would compile, while it is imported.

    Nothing is compiled here, and such a process ends of Ctrl-C with a traceback until it is ready.
    """
    if _WARM_POOL in os.environ:
        yield
        return
    os.environ[_WARM_POOL] = "0"
    try:
        yield
    finally:
        del os.environ[_WARM_POOL]  # ranks may want them


if __name__ == "__main__":  # loaders and object stores may start processes that import this file
    sys.exit(main(sys.argv[1:]))
