"""Threads that run the engine's calls; each call releases the GIL and can be cancelled."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from octomed import _octomed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")

_POLL_SECONDS = 0.1
"""How long the main thread waits before it looks whether Ctrl-C was pressed."""


class Executor:
    """Worker threads with a bounded queue.

    Attributes
    ----------
    workers
        Threads that run the engine.
    cancel
        Set when the run ends early: the engine's calls return soon after.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.cancel = _octomed.Cancel()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="octomed")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="octomed-aside")
        # As many again may wait, so that no worker idles while a reader cuts the next block.
        self._slots = threading.BoundedSemaphore(2 * workers)

    def submit(self, call: Callable[..., Result], *arguments: Any) -> Future[Result]:  # noqa: ANN401 passed on
        """Queue a call; blocks while the queue is full, and raises when the run is cancelled."""
        while not self._slots.acquire(timeout=_POLL_SECONDS):
            self.check()
        self.check()
        future = self._threads.submit(call, *arguments)
        future.add_done_callback(lambda _: self._slots.release())
        return future

    def submit_aside(self, call: Callable[..., Result], *arguments: Any) -> Future[Result]:  # noqa: ANN401
        """Queue a call ahead of need, on a thread of its own."""
        return self._aside.submit(call, *arguments)

    def wait(self, future: Future[Result] | None) -> Result:
        """Wait for a call in short steps, so that Ctrl-C reaches the main thread."""
        assert future is not None
        for result in results([future], self):
            return result
        raise CancelledRun

    def check(self) -> None:
        """Raise when the run is cancelled."""
        if self.cancel.is_set():
            raise CancelledRun

    def close(self) -> None:
        """Wait for the threads, dropping what is queued."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._aside.shutdown(wait=True, cancel_futures=True)


class CancelledRun(Exception):
    """The run ended early for a reason that is raised elsewhere."""


@contextmanager
def executor(workers: int) -> Iterator[Executor]:
    """Run threads for a block; an exception inside, Ctrl-C too, cancels them first."""
    threads = Executor(workers)
    try:
        yield threads
    except BaseException:
        threads.cancel.set()
        raise
    finally:
        threads.close()


def results(futures: list[Future[Result]], threads: Executor) -> Iterator[Result]:
    """Yield results as they come; the first failure cancels the rest and is raised.

    Waits in short steps, so that Ctrl-C reaches the main thread.
    """
    pending = set(futures)
    failure: BaseException | None = None
    while pending:
        done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            error = None if future.cancelled() else future.exception()
            if future.cancelled() or isinstance(error, CancelledRun):
                continue
            if error is not None:
                failure = failure or error
                threads.cancel.set()
            elif failure is None:
                yield future.result()
    if failure is not None:
        raise failure
