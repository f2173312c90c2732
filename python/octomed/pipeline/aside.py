"""Calls that wait for a network, made aside, so that Ctrl-C does not wait for them."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_POLL_SECONDS = 0.1


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
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 raised where it is waited for
            done.set_exception(error)

    threading.Thread(target=run, name="octomed-aside", daemon=True).start()
    while True:
        try:
            return done.result(timeout=_POLL_SECONDS)
        except NotYet:
            if done.done():
                raise
