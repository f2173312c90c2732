"""The child process and its pipes: started for the first file, and kept for the next."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import IO, Any

import pyarrow as pa

from octomed.foreign.slots import Slots

# pyarrow does without NumPy from version 18 on, and so does the child: to load it takes longest of all.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); sys.modules['numpy'] = None; "
    "from octomed.foreign.child import main; main()"
)
_ENVIRONMENT = {
    # What this pool allocates counts against the child's limit; other pools reserve far more than they use.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # Memory of one batch serves the next: glibc gives buffers beyond 128 KiB back to the system otherwise.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}


class HelperDiedError(Exception):
    """The child ended instead of answering.

    Parameters
    ----------
    status : int
        As `Popen.returncode`: below 0 a signal's number.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    @property
    def how(self) -> str:
        """The signal's name, or the exit code."""
        if self.status >= 0:
            return f"exit code {self.status}"
        with contextlib.suppress(ValueError):
            return signal.Signals(-self.status).name
        return f"signal {-self.status}"


class HelperNotStartedError(Exception):
    """The child cannot start: what it said last."""


class Helper:
    """A child process that reads foreign files."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._slots = Slots() if hasattr(os, "memfd_create") else None  # Linux
        shared = [] if self._slots is None else [self._slots.file]
        words = [sys.executable or "python3", "-I", "-c", _START, json.dumps(sys.path), *map(str, shared)]
        # A session of its own: Ctrl-C is for the run, which closes the pipe that the child lives on.
        self._process = subprocess.Popen(  # noqa: S603 our own interpreter
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | _ENVIRONMENT,
            start_new_session=True,
            pass_fds=shared,
        )
        self._started = False

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[pa.Buffer]]:
        """Send a request and wait for its answer.

        Raises
        ------
        HelperDiedError
            When the child ends instead.
        HelperNotStartedError
            When it cannot even start.
        """
        if not self._started:
            self._wait_for_start()
        slot = self._slots.take() if self._slots is not None and "next" in request else None
        answer, parts = self._said(
            request | {"slot": slot}
        )  # where it raises, the child may still write there
        if slot is None or self._slots is None:
            return answer, parts
        if "shared" in answer:
            return answer, self._slots.parts(slot, answer["shared"])
        self._slots.give_back(slot)
        return answer, parts

    def _said(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[pa.Buffer]]:
        requests = _pipe(self._process.stdin)
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
        except OSError:
            raise self._died() from None
        return self._answer()

    def _wait_for_start(self) -> None:
        try:
            self._answer()
        except HelperDiedError as died:
            said = _pipe(self._process.stderr).read().decode("utf-8", "replace").splitlines()
            last = said[-1] if said else died.how
            raise HelperNotStartedError(last) from died
        self._started = True

    def _answer(self) -> tuple[dict[str, Any], list[pa.Buffer]]:
        answers = _pipe(self._process.stdout)
        line = answers.readline()
        if not line.endswith(b"\n"):
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        return answer, [self._part(answers, size) for size in answer["sizes"]]

    def _part(self, answers: IO[bytes], size: int) -> pa.Buffer:
        part = pa.allocate_buffer(size)
        view = memoryview(part).cast("B") if size else memoryview(b"")
        read = 0
        while read < size:
            count = answers.readinto(view[read:])  # type: ignore[attr-defined]
            if not count:
                raise self._died()
            read += count
        return part

    def _died(self) -> HelperDiedError:
        self._process.kill()  # an end that is under way takes its course: its own signal came first
        return HelperDiedError(self._process.wait())

    def close(self) -> None:
        """End the child; one of another process is left to it."""
        if self._owner != os.getpid():
            return
        self._process.kill()
        if self._slots is not None:
            self._slots.close()
            self._slots = None
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        self._process.wait()

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and this process started it: after a fork its pipes are another's."""
        return self._owner == os.getpid() and self._process.poll() is None


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


_idle: list[Helper] = []
_lock = threading.Lock()


def take() -> Helper:
    """Return a child that waits, or a new one."""
    with _lock:
        while _idle:
            found = _idle.pop()
            if found.is_usable:
                return found
            found.close()
    return Helper()


def start() -> None:
    """Start a child for files that will be asked for soon: it loads Arrow while this process continues."""
    with _lock:
        if not _idle:
            _idle.append(Helper())


def give_back(helper: Helper) -> None:
    """Keep a child for the next file."""
    with _lock:
        _idle.append(helper)


def end_idle() -> None:
    """End the children that wait: they hold memory that what comes next can use."""
    with _lock:
        found = _idle[:]
        _idle.clear()
    for helper in found:
        helper.close()


atexit.register(end_idle)
