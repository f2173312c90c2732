"""Calls that wait for a network, made aside, so that Ctrl-C does not wait for them."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")

_PATIENCE_SECONDS = 1.0
"""How long what fails or is interrupted waits for a lock to be given back, which ends by itself."""


def aside(call: Callable[[], T], seconds: float | None = None) -> T:
    """Make a call in a thread of its own, and wait for it.

    A thread inside a library hears of no signal; one that is interrupted here, or takes too long, is left
    behind and ends with the process, or with the time that the library gives its request.

    Parameters
    ----------
    call
        What to do.
    seconds
        How long it may take; without end if ``None``.

    Returns
    -------
    object
        What it returns; what it raises is raised here.

    Raises
    ------
    TimeoutError
        When it takes longer.

    Examples
    --------
    >>> aside(lambda: 6 * 7)
    42
    """
    made: list[T] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            made.append(call())
        except BaseException as error:  # noqa: BLE001 raised where it is waited for
            failed.append(error)
        done.set()

    threading.Thread(target=work, name="octomed-aside", daemon=True).start()
    if not done.wait(seconds):
        raise TimeoutError
    if failed:
        raise failed[0]
    return made[0]


@contextlib.contextmanager
def held_aside(lock: AbstractContextManager[T]) -> Iterator[T]:
    """Hold a lock that is taken and given back over a network.

    Where the block fails or is interrupted, giving it back is not waited for long: a store that is gone does
    not answer, and the lock of a dead owner ends by itself.

    Parameters
    ----------
    lock
        What to hold.

    Examples
    --------
    >>> with held_aside(contextlib.nullcontext("the lock")) as held:
    ...     print(held)
    the lock
    """
    held = aside(lock.__enter__)
    try:
        yield held
    except BaseException:
        with contextlib.suppress(Exception):  # the block's own failure says more
            aside(partial(lock.__exit__, None, None, None), _PATIENCE_SECONDS)
        raise
    aside(partial(lock.__exit__, None, None, None))
