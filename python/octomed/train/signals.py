"""How a signal ends a training: once, without a traceback, and in time.

Python runs a handler between two instructions of its first thread, which may be waiting in a collective that
never returns. So a thread of its own learns of the signal, too: it raises the handler's exception again where
somebody has swallowed it, and ends the process when nothing else does.
"""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, what schedulers and launchers send, and a terminal that was closed."""
FIRST_CODE = 128
"""Exit codes above it are 128 and a signal's number."""

AGAIN = 5.0
"""Seconds after which the training is told once more."""
LONGEST = 20.0
"""Seconds after which the process ends, whatever it waits for; a launcher kills it after 30."""


class Stop:
    """The first signal that a process is sent; later ones change nothing.

    A scheduler signals the whole group of processes, and the launcher passes the signal on to its ranks: each
    gets it twice.

    Attributes
    ----------
    number
        Of the signal; None while none has come.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._caught = False
        self._again = False
        self._left_alone: frozenset[int] = frozenset()

    def take(self) -> None:
        """Handle the signals, those excepted that were ignored when the training began, as under `nohup`.

        Importing Composer sets handlers of its own, so this is called once more after that.
        """
        for number in SIGNALS:
            handler: Any = signal.SIG_IGN if number in self._left_alone else self._handle
            signal.signal(number, handler)

    @contextlib.contextmanager
    def listening(self, last_words: Callable[[int], None]) -> Iterator[None]:
        """Handle the signals while the block runs; nothing is done outside of the process's first thread.

        Parameters
        ----------
        last_words
            Called with the signal's number, by another thread, before the process is ended where it hangs.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        self._left_alone = frozenset(number for number, old in before.items() if old is signal.SIG_IGN)
        self.number, self._caught = None, False
        with _told_of_signals() as pipe:
            threading.Thread(target=self._insist, args=(pipe, last_words), daemon=True).start()
            self.take()
            yield
            for number, old in before.items():
                mine = signal.getsignal(number) == self._handle
                if mine and self.number is None:  # else a second signal must not end what is being written
                    signal.signal(number, old if old is not None else signal.SIG_DFL)

    def catch(self) -> int | None:
        """Return the signal's number, and take note that the training has ended of it."""
        self._caught = True
        return self.number

    def _handle(self, number: int, _frame: object) -> None:
        if self.number is None:
            self.number = number
            be_quiet()
        elif not self._again or self._caught:
            return
        self._again = False
        raise SystemExit(FIRST_CODE + self.number)

    def _insist(self, pipe: int, last_words: Callable[[int], None]) -> None:
        """Wait for a signal, and see to it that the process ends."""
        number = _first_signal(pipe)
        if number is None or number in self._left_alone:
            return
        begun = time.monotonic()
        while time.monotonic() < begun + LONGEST:
            time.sleep(AGAIN)
            if self._caught:
                break
            self._again = True
            _thread.interrupt_main(signal.Signals(number))
        if self._caught and "LOCAL_WORLD_SIZE" not in os.environ:
            return  # nobody kills it: checkpoints may be uploaded for as long as that takes
        time.sleep(max(0.0, begun + LONGEST - time.monotonic()))
        last_words(number)
        os._exit(FIRST_CODE + number)


STOP = Stop()
"""Of this process: signals are sent to processes."""


def be_quiet() -> None:
    """Let nothing that breaks off print a traceback: threads, destructors, and what is being closed.

    Nor raise one: torch's handler of SIGCHLD does for a loader's worker that ended, wherever its rank is.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.unraisablehook = lambda _: None
    threading.excepthook = lambda _: None
    logging.disable(logging.CRITICAL)


def leave_to_parent() -> None:
    """Ignore the signals in a child that its parent ends, as the parent is sent them, too."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def leave_ctrl_c_to_parent() -> None:
    """Ignore what a terminal sends; SIGTERM ends a child whose parent is gone."""
    for name in ("SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold the signals back while the block runs; they are handled after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _told_of_signals() -> Iterator[int]:
    """Give the end of a pipe from which any thread can read the number of each signal."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(before)
        os.close(write)


def _first_signal(pipe: int) -> int | None:
    """Wait for the first of the signals, and return its number; None where the pipe was closed before."""
    while numbers := os.read(pipe, 64):
        for number in numbers:
            if number in SIGNALS:
                return number  # the pipe stays open: more signals are written to it
    os.close(pipe)
    return None


def _forget_parent_s_pipe() -> None:
    """Let a child's signals be its own: its parent would take them for signals to itself."""
    with contextlib.suppress(ValueError):  # in another thread than the first
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_parent_s_pipe)
