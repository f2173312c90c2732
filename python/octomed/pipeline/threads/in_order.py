"""Calls that run at once, whose results are taken in the order of the calls."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

T = TypeVar("T")


def in_order(threads: Executor, calls: Iterable[Callable[[], T]], most: int) -> Iterator[T]:
    """Yield what calls return, in their order, while others run ahead.

    Parameters
    ----------
    threads
        Where they run.
    calls
        Asked for the next only when there is room for it, for each may hold much memory.
    most
        How many of them wait, run, or have a result that was not taken yet.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from functools import partial
    >>> with ThreadPoolExecutor(2) as threads:
    ...     list(in_order(threads, (partial(pow, 2, one) for one in range(5)), most=3))
    [1, 2, 4, 8, 16]
    """
    waiting: deque[Future[T]] = deque()
    for call in calls:
        waiting.append(threads.submit(call))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
