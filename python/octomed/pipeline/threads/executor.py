"""Threads that run the engine's calls; each call releases the GIL and can be cancelled."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from octomed import _octomed
from octomed.errors import CancelledRun
from octomed.pipeline.threads.executor_protocol import Here, unheard
from octomed.pipeline.threads.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from octomed.pipeline.threads.executor_protocol import Workers

Result = TypeVar("Result")
Spec = TypeVar("Spec")

_POLL_SECONDS = 0.1
"""How long the main thread waits before it looks whether Ctrl-C was pressed."""

_PATIENCE_SECONDS = 1.0
"""How long Ctrl-C waits for calls in progress: one that compresses at zstd:16 looks at nothing for longer."""


MEMORY_A_WORKER = 448 * 2**20
"""What a worker's calls hold at most, those that wait for it included."""


class Threads:
    """Worker threads with a bounded queue.

    Attributes
    ----------
    workers
        Threads that run the engine.
    cancel
        Set when the run ends early: the engine's calls return soon after.
    reads_here
        Whether this process reads what it scans.
    """

    reads_here = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.cancel = _octomed.Cancel()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="octomed")
        self._background = ThreadPoolExecutor(1, thread_name_prefix="octomed-background")
        self._pools = [self._threads, self._background]
        self._unfinished: set[Future[Any]] = set()
        # As many again may wait, so that no worker idles while a reader cuts the next block.
        self._room = Room(2 * workers, workers * MEMORY_A_WORKER)

    def submit(
        self,
        call: Callable[..., Result],
        *arguments: Any,  # noqa: ANN401 passed on
        memory: int = 0,
    ) -> Future[Result]:
        """Queue a call; blocks while the queue is full, and raises when the run is cancelled.

        Parameters
        ----------
        call, arguments
            What to do.
        memory
            Bytes that the call holds at most, from now on. Calls wait while those before them hold as much as
            the workers may; one that needs more than that runs alone.
        """
        while not self._room.enter(memory, _POLL_SECONDS):
            self.check()
        try:
            self.check()
            future = self._submit_to(self._threads, call, *arguments)
        except BaseException:
            self._room.leave(memory)
            raise
        future.add_done_callback(lambda _: self._room.leave(memory))
        return future

    def submit_background(self, call: Callable[..., Result], *arguments: Any) -> Future[Result]:  # noqa: ANN401
        """Queue a call on a thread of its own."""
        return self._submit_to(self._background, call, *arguments)

    def submit_readers(self, threads: int, calls: Iterable[Callable[[], Result]]) -> list[Future[Result]]:
        """Queue calls that submit others themselves, on so many threads of their own."""
        pool = ThreadPoolExecutor(threads, thread_name_prefix="octomed-reader")
        self._pools.append(pool)
        futures = [self._submit_to(pool, call) for call in calls]
        pool.shutdown(wait=False)  # threads that end leave no memory that only they could give back
        return futures

    def map(
        self,
        call: Callable[[Spec, Here], Result],
        specs: Iterable[Spec],
        *,
        at_once: int,
        readers: int = 1,
        told: Callable[[Any], object] = unheard,
    ) -> Iterator[Result]:
        """Run a call for each specification; its parts go to the workers, which all calls share."""
        here = Here(self, threading.BoundedSemaphore(readers), told)
        calls = [partial(call, spec, here) for spec in specs]
        return results(self.submit_readers(at_once, calls), self)

    def _submit_to(
        self,
        pool: ThreadPoolExecutor,
        call: Callable[..., Result],
        *arguments: Any,  # noqa: ANN401 passed on
    ) -> Future[Result]:
        future = pool.submit(call, *arguments)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

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

    def close(self, patience: float | None = None) -> set[Future[Any]]:
        """Drop what is queued, and wait for what runs.

        Parameters
        ----------
        patience
            Seconds to wait at most; by default as long as it takes.

        Returns
        -------
        set of Future
            The calls that still run.
        """
        for pool in reversed(self._pools):  # those that submit to others come first
            pool.shutdown(wait=patience is None, cancel_futures=True)
        return wait(self._unfinished.copy(), timeout=patience).not_done


@contextmanager
def executor(workers: int, locks: ExitStack | None = None) -> Iterator[Threads]:
    """Run threads for a block; an exception inside, Ctrl-C too, cancels them first.

    Parameters
    ----------
    workers
        Threads.
    locks
        What the calls must hold. Ctrl-C does not wait long for a call that looks at no cancel; the locks are
        then taken out of the stack and released after the last such call, so that it meets no other run.
    """
    with running(Threads(workers), locks) as threads:
        yield threads


@contextmanager
def running(threads: Threads, locks: ExitStack | None = None) -> Iterator[Threads]:
    """Close threads when a block ends, as `executor` does."""
    patience = None
    try:
        yield threads
    except BaseException as error:
        threads.cancel.set()
        patience = _PATIENCE_SECONDS if isinstance(error, KeyboardInterrupt) else None
        raise
    finally:
        running = threads.close(patience)
        if running and locks is not None:
            _release_after(running, locks.pop_all())


def _release_after(calls: set[Future[Any]], locks: ExitStack) -> None:
    def release() -> None:
        wait(calls)
        locks.close()

    threading.Thread(target=release, name="octomed-release", daemon=True).start()


def raise_failures(unseen: list[Future[Result]]) -> None:
    """Raise the failure of a call that has ended; those that ended well are taken off the list.

    What is left is never more than the queue holds, however long the list of all calls is.
    """
    ended = [future for future in unseen if future.done()]
    unseen[:] = [future for future in unseen if future not in ended]
    for future in ended:
        future.result()


def results(futures: list[Future[Result]], threads: Workers) -> Iterator[Result]:
    """Yield results as they come; the first failure cancels the rest and is raised.

    Waits in short steps, so that Ctrl-C reaches the main thread. Each future says itself that it is done: to
    wait for the first of many looks at all of them, every time.
    """
    done: SimpleQueue[Future[Result]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(done.put)
    failure: BaseException | None = None
    for _ in futures:
        future = _next_of(done)
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


def _next_of(done: SimpleQueue[Future[Result]]) -> Future[Result]:
    while True:
        try:
            return done.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
