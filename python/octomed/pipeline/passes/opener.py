"""What a run's work runs on, opened for the run: threads of this process, or what a user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from octomed.pipeline.threads.executor import executor

if TYPE_CHECKING:
    from contextlib import AbstractContextManager, ExitStack

    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.pipeline.threads.executor import Threads
    from octomed.report.progress import Progress


class Opener(Protocol):
    """What a run's work runs on: threads here, or other machines (`octomed.RayExecutor`)."""

    def opened(
        self, run: RunSpec, workers: int, locks: ExitStack | None, progress: Progress
    ) -> AbstractContextManager[Threads]:
        """Have it ready while a block runs.

        Parameters
        ----------
        run
            The run.
        workers
            Threads of this process.
        locks
            What the calls must hold, as of `octomed.pipeline.threads.executor.executor`.
        progress
            Told what is worth saying.
        """


class OnThreads:
    """Threads of this process."""

    def opened(
        self, run: RunSpec, workers: int, locks: ExitStack | None, progress: Progress
    ) -> AbstractContextManager[Threads]:
        """Run threads while a block runs."""
        del run, progress
        return executor(workers, locks)
