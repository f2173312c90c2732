"""What runs on a node: one process with threads of its own, which scan tasks and write ranges."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from octomed import _octomed
from octomed.errors import CancelledRun
from octomed.pipeline.calls.prefetch import fetched_ahead, without_leftovers
from octomed.pipeline.calls.specs import TaskSpec
from octomed.pipeline.cluster.places import Places, Seen, look
from octomed.pipeline.cluster.travel import Answer, Layouts, portable
from octomed.pipeline.threads.executor import Threads, results
from octomed.pipeline.threads.executor_protocol import Here
from octomed.storage import remove_temporaries

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

Result = TypeVar("Result")


class Part:
    """The threads of a node, for one call, which can be cancelled alone.

    Attributes
    ----------
    workers
        How many threads there are.
    cancel
        Of this call.
    """

    def __init__(self, threads: Threads) -> None:
        self.workers = threads.workers
        self.cancel = _octomed.Cancel()
        self._threads = threads

    def submit(self, call: Callable[..., Result], *arguments: Any, memory: int = 0) -> Future[Result]:  # noqa: ANN401 passed on
        """Queue a part, as `Threads.submit` does."""
        self.check()
        return self._threads.submit(call, *arguments, memory=memory)

    def wait(self, future: Future[Result] | None) -> Result:
        """Wait for a part."""
        assert future is not None
        for result in results([future], self):
            return result
        raise CancelledRun

    def check(self) -> None:
        """Raise when the call is cancelled."""
        if self.cancel.is_set():
            raise CancelledRun
        self._threads.check()


class NodeWorker:
    """The calls of a node: threads, and the words that a tokenizer remembers, live as long as a run.

    Parameters
    ----------
    workers
        Threads.
    places
        Where the run's nodes meet.
    """

    def __init__(self, workers: int, places: Places) -> None:
        self._threads = Threads(workers)
        self._places = places
        self._layouts = Layouts(places.folder)
        self._reading: dict[int, threading.BoundedSemaphore] = {}
        self._queueing = threading.Lock()
        self._parts: dict[int, Part] = {}
        self._told: dict[int, list[Any]] = {}
        self._heard: dict[int, int] = {}

    def look(self, node: str) -> Seen:
        """Look at the places that all nodes must see."""
        return look(self._places, node)

    def run(self, number: int, call: Callable[[Any, Here], Any], spec: Any, readers: int) -> Answer:  # noqa: ANN401
        """Make a call, and return what came of it, an error too: Ray sees none, and repeats nothing.

        Parameters
        ----------
        number
            Which of the driver's calls it is: no other call ever has its number.
        call, spec
            What to do.
        readers
            How many calls may read at once here.
        """
        begin = time.monotonic()
        part = self._parts[number] = Part(self._threads)
        told = self._told[number] = []
        reading = self._reading.setdefault(readers, threading.BoundedSemaphore(readers))
        here = Here(part, reading, told.append, self._queueing)
        try:
            with fetched_ahead([spec] if isinstance(spec, TaskSpec) else []):
                result = call(self._layouts.whole(spec), here)
            return Answer(result, None, tuple(told), time.monotonic() - begin)
        except BaseException as error:  # noqa: BLE001 raised by the driver
            cancelled = isinstance(error, CancelledRun)
            return Answer(
                None, error if cancelled else portable(error), tuple(told), time.monotonic() - begin
            )
        finally:
            part.cancel.set()  # parts that are still queued after a failure
            self._parts.pop(number, None)
            self._told.pop(number, None)
            self._heard.pop(number, None)

    def heard(self) -> dict[int, list[Any]]:
        """Return what calls have told since this was asked last; that it answers says that the node lives."""
        found: dict[int, list[Any]] = {}
        for number, told in list(self._told.items()):
            before = self._heard.get(number, 0)
            found[number] = told[before:]
            self._heard[number] = before + len(found[number])
        return found

    def cancel(self, number: int) -> None:
        """Have a call end early."""
        part = self._parts.get(number)
        if part is not None:
            part.cancel.set()

    def end(self) -> None:
        """Have all calls end early, and leave no temporary files; the process is ended next."""
        self._threads.cancel.set()
        for part in list(self._parts.values()):
            part.cancel.set()
        remove_temporaries()
        with contextlib.suppress(Exception), without_leftovers():
            pass
