"""What runs calls of work, whatever it is: threads of this process today (`executor.py`)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from octomed import _octomed

Result = TypeVar("Result")
Spec = TypeVar("Spec")


def unheard(_: object) -> None:
    """Hear of what is done, and do nothing."""


class Workers(Protocol):
    """Threads for the parts of a call, of which each leaves Python."""

    workers: int
    cancel: _octomed.Cancel

    def submit(self, call: Callable[..., Result], *arguments: Any, memory: int = 0) -> Future[Result]:  # noqa: ANN401 passed on
        """Queue a part, which holds so many bytes; wait while the queue is full."""

    def wait(self, future: Future[Result] | None) -> Result:
        """Wait for a part."""

    def check(self) -> None:
        """Raise when the run is cancelled."""


class Executor(Protocol):
    """What runs the work of a run: here threads; processes or other machines would be another one.

    Attributes
    ----------
    workers
        How many parts of the work run at once.
    cancel
        Set when the run ends early: the engine's calls return soon after.
    """

    workers: int
    cancel: _octomed.Cancel

    def map(
        self,
        call: Callable[[Spec, Here], Result],
        specs: Iterable[Spec],
        *,
        at_once: int,
        readers: int = 1,
        told: Callable[[Any], object] = unheard,
    ) -> Iterator[Result]:
        """Run a call of `octomed.pipeline.calls.work` for each specification, and yield results as they come.

        Parameters
        ----------
        call
            A function of a specification that pickles, whose result does, too.
        specs
            What to do, in the order in which it is best begun.
        at_once
            How many calls may have begun.
        readers
            How many of them may read at once.
        told
            Hears what a call says while it runs, from any thread, where it runs in this process.
        """


@dataclass(frozen=True)
class Here:
    """What a call of work finds where it runs concurrently with others.

    Attributes
    ----------
    threads
        Workers for the parts of its work.
    reading
        Held by a call while it reads, and by no more of them than the disk and the workers want.
    told
        Hears what is done, part by part.
    queueing
        Held by a call while it queues its parts, where those of one call are to come before another's.
    """

    threads: Workers
    reading: threading.Semaphore = field(default_factory=threading.BoundedSemaphore)
    told: Callable[[Any], object] = unheard
    queueing: threading.Lock = field(default_factory=threading.Lock)
