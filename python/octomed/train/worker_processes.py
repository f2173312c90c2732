"""Processes of a loader that a signal to the whole group does not end: the rank that started them does."""

from __future__ import annotations

import signal
from multiprocessing import context, popen_fork
from typing import TYPE_CHECKING

from octomed.train.signals import held_back, leave_to_parent

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess


class _Started(popen_fork.Popen):
    """A forked process that has no moment in which a signal would end it, or be taken for its parent's."""

    def _launch(self, process: BaseProcess) -> None:
        with held_back():
            super()._launch(process)  # type: ignore[misc]  # typeshed does not know it

    def terminate(self) -> None:
        """End it by a signal that it does not ignore."""
        self._send_signal(signal.SIGKILL)  # type: ignore[attr-defined]  # as above


class _Worker(context.ForkProcess):
    """A process that ignores the signals which end its parent.

    They stay blocked as well: torch's workers set a handler of SIGTERM that ends them.
    """

    def run(self) -> None:
        leave_to_parent()
        super().run()

    @staticmethod
    def _Popen(process: BaseProcess) -> _Started:  # noqa: N802 multiprocessing's name
        return _Started(process)


class WorkerContext(context.ForkContext):
    """What a loader makes its workers with.

    Ctrl-C, and what schedulers and closing terminals send, reaches a whole group of processes. A worker that
    ends of it, in the middle of a batch, prints a traceback, and its rank fails of that, not of the signal.

    Examples
    --------
    >>> worker = WorkerContext().Process(target=print, args=("ready",))
    >>> worker.start()
    >>> worker.join()
    """

    Process = _Worker
