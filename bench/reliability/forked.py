"""Commands of `octomed` in forked children: they start in a moment, can be killed, or run on a failing disk.

Tasks and blocks are cut small by the driver of the end-to-end tests, so that a small corpus has many.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.reliability.small import BLOCK_BYTES, TASK_BYTES

DRIVER = Path(__file__).parents[2] / "tests/end_to_end/driver.py"
PAUSE_SECONDS = "0.002"
PATIENCE_SECONDS = 900.0
"""A run takes a second, and minutes where a campaign gets what others leave of the cores."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    code
        Its exit code; negative for the signal that ended it.
    said
        Both its outputs.
    seconds
        How long it took.
    """

    code: int
    said: str
    seconds: float


def build_layer(folder: Path) -> Path:
    """Compile the layer of faults.

    Raises
    ------
    RuntimeError
        Where there is no C compiler.
    """
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    command = ["cc", "-O1", "-w", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl", "-lpthread"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"the layer of faults wants a C compiler, `cc`: {error}") from error
    return library


def fail(folder: Path, calls: str, error: int, nth: int, *, lasting: bool) -> Callable[[], None]:
    """What a child does first, so that the ``nth`` of these calls below a folder fails."""
    return lambda: ctypes.CDLL(None).octomed_faults_plan(
        os.fsencode(folder), calls.encode(), error, ctypes.c_long(nth), int(lasting)
    )


def journal(folder: Path, path: Path, attic: Path) -> Callable[[], None]:
    """What a child does first, so that all that it does to files below a folder is written down."""

    def begin() -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        ctypes.CDLL(None).octomed_faults_journal(os.fsencode(folder), descriptor, os.fsencode(attic))

    return begin


def octomed(
    *words: str | Path, kill_after: float | None = None, first: Callable[[], None] | None = None
) -> Ended:
    """Run a command to its end, or kill it after so many seconds."""
    with tempfile.TemporaryFile() as log:
        begin = time.monotonic()
        child = os.fork()
        if child == 0:
            _become(log.fileno(), [str(word) for word in words], first)
        status = _await(child, PATIENCE_SECONDS if kill_after is None else kill_after)
        seconds = time.monotonic() - begin
        log.seek(0)
        return Ended(status, log.read().decode(errors="replace"), seconds)


def _await(child: int, seconds: float) -> int:
    """Wait for the child to end, kill it when the time is over, and return its code."""
    until = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.0005)


def _become(log: int, words: list[str], first: Callable[[], None] | None) -> None:
    """Run the command and end the process, whatever happens."""
    try:
        for standard in (1, 2):
            os.dup2(log, standard)
        sys.argv = [str(DRIVER), str(BLOCK_BYTES), str(TASK_BYTES), PAUSE_SECONDS, *words]
        if first is not None:
            first()
        runpy.run_path(str(DRIVER), run_name="__main__")
    except BaseException:  # noqa: BLE001 the child must not run on as its parent
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(99)
