"""Calls that wait for a network, made aside, so that Ctrl-C does not wait for them."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 1.0
"""How long what fails or is interrupted waits for a lock to be given back, which ends by itself."""


def aside(call: Callable[[], T]) -> T:
    """Make a call in a thread of its own, and wait for it in short steps.

    A thread inside a library hears of no signal; one that is interrupted here is left behind and ends with
    the process, or with the time that the library gives its request.

    Parameters
    ----------
    call
        What to do.

    Returns
    -------
    object
        What it returns; what it raises is raised here.
    """
    return _wait(_begun(call), None)


@contextlib.contextmanager
def held_aside(lock: AbstractContextManager[T]) -> Iterator[T]:
    """Hold a lock that is taken and given back over a network.

    Where the block fails or is interrupted, giving it back is not waited for long: a store that is gone does
    not answer, and the lock of a dead owner ends by itself.

    Parameters
    ----------
    lock
        What to hold.
    """
    held = aside(lock.__enter__)
    try:
        yield held
    except BaseException:
        with contextlib.suppress(Exception):  # the block's own failure says more
            _wait(_begun(partial(lock.__exit__, None, None, None)), _PATIENCE_SECONDS)
        raise
    aside(partial(lock.__exit__, None, None, None))


def _begun(call: Callable[[], T]) -> Future[T]:
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 raised where it is waited for
            done.set_exception(error)

    threading.Thread(target=run, name="octomed-aside", daemon=True).start()
    return done


def _wait(done: Future[T], patience: float | None) -> T:
    end = None if patience is None else time.monotonic() + patience
    while True:
        try:
            return done.result(timeout=_POLL_SECONDS)
        except NotYet:
            if done.done() or (end is not None and time.monotonic() > end):
                raise
