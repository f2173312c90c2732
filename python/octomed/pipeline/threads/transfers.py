"""Calls that wait for a network: several at once, in threads that nobody waits for when a run ends early."""

from __future__ import annotations

import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 8
"""How many calls are made at once: each holds a few MiB at most."""

_POLL_SECONDS = 0.1
"""How long the main thread waits before it looks whether Ctrl-C was pressed."""


class Transfers:
    """Calls made aside; the first failure is raised by whatever is asked next, and no other call begins then.

    Used as a context: what ends with an error leaves the calls in progress behind, for a thread inside a
    library hears of no signal. They end with the process, or with the time that the library gives a request.

    Parameters
    ----------
    at_once
        How many calls are made at once.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._left = 0

    def submit(self, call: Callable[[], object]) -> None:
        """Queue a call; raises what one before it raised."""
        while self._left and not self._done.empty():
            self._hear(0)
        self._left += 1
        self._calls.put(call)
        if len(self._threads) < min(self._at_once, self._left):
            thread = threading.Thread(target=self._work, name="octomed-transfer", daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Wait for all calls, in short steps; raises the first failure."""
        while self._left:
            self._hear(_POLL_SECONDS)

    def __enter__(self) -> Self:
        """Return these."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Wait for all calls, unless there is an error already; the threads end."""
        try:
            if error is None:
                self.finish()
        finally:
            self._drop()
            for _ in self._threads:
                self._calls.put(None)

    def _hear(self, seconds: float) -> None:
        try:
            error = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
        except Empty:
            return
        self._left -= 1
        if error is not None:
            self._drop()
            raise error

    def _drop(self) -> None:
        """Forget the calls that have not begun."""
        while True:
            try:
                self._calls.get_nowait()
            except Empty:
                return
            self._left -= 1

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 raised where it is waited for
                self._done.put(error)
            else:
                self._done.put(None)
            del call  # what it holds is counted as long as it is held


def for_each(call: Callable[[Item], Result], items: Iterable[Item], at_once: int = AT_ONCE) -> list[Result]:
    """Make a call for each item, several at once, and return the results in order.

    Examples
    --------
    >>> for_each(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    items = list(items)
    found: dict[int, Result] = {}

    def one(number: int, item: Item) -> None:
        found[number] = call(item)

    with Transfers(at_once) as transfers:
        for number, item in enumerate(items):
            transfers.submit(partial(one, number, item))
    return [found[number] for number in range(len(items))]
