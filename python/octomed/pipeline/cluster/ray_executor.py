"""A run over the machines of a Ray cluster: `octomed pack RECIPE --executor ray`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from octomed import machine
from octomed.errors import RecipeError
from octomed.pipeline.cluster import probe
from octomed.pipeline.cluster.accounts import Accounts
from octomed.pipeline.cluster.connection import connected
from octomed.pipeline.cluster.mapping import Mapping, Ways
from octomed.pipeline.cluster.places import meeting
from octomed.pipeline.cluster.team import Team, by_value, names_of
from octomed.pipeline.cluster.travel import Layouts
from octomed.pipeline.threads.executor import Threads, running
from octomed.pipeline.threads.executor_protocol import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import ExitStack

    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.pipeline.threads.executor_protocol import Here
    from octomed.report.progress import Progress

Result = TypeVar("Result")
Spec = TypeVar("Spec")

LIMIT_SECONDS = 900.0
"""A block takes a minute at most, images of the web apart, and each is told of."""


class RayExecutor:
    """Runs scan and writing of a run on the nodes of a Ray cluster; the bytes are those of a run here.

    A node has one worker with threads of its own, which stays for the run. Plan, selection, locks and
    manifest stay with the driver. What nodes share are folders: the working store and the output must be
    at the same path on all of them, and so must the sources, unless they are at an address.

    Parameters
    ----------
    address
        Of the cluster's head, `HOST:6379`; by default that of `RAY_ADDRESS`, and without one a cluster is
        started on this machine alone, at 127.0.0.1.
    workers
        Threads a node at most; by default its cores, as Ray counts them, and one for each 448 MiB of memory.
    limit
        Seconds that a task, or a node, may tell nothing before the task is tried elsewhere.

    Attributes
    ----------
    accounts : Accounts
        What each node did, of the last run.

    Raises
    ------
    RecipeError
        When a number makes no sense.

    Examples
    --------
    >>> RayExecutor(address="head:6379", workers=16)
    RayExecutor(address='head:6379', workers=16)
    """

    def __init__(
        self, address: str | None = None, *, workers: int | None = None, limit: float = LIMIT_SECONDS
    ) -> None:
        if workers is not None and workers < 1:
            raise RecipeError(
                f"`workers` is {workers}", "give at least 1, or leave it out for a node's cores"
            )
        if not limit > 0:
            raise RecipeError(f"`limit` is {limit}", "give seconds, more than 0")
        self.address = address
        self.workers = workers
        self.limit = limit
        self.accounts = Accounts()

    def __repr__(self) -> str:
        """Return address and threads."""
        return f"RayExecutor(address={self.address!r}, workers={self.workers!r})"

    @contextlib.contextmanager
    def opened(
        self, run: RunSpec, workers: int, locks: ExitStack | None, progress: Progress
    ) -> Iterator[Threads]:
        """Have the nodes of the cluster ready for a run while the block runs.

        Parameters
        ----------
        run
            What nodes must see.
        workers
            Threads of the driver.
        locks
            As of `octomed.pipeline.threads.executor.executor`.
        progress
            Told who takes part.

        Raises
        ------
        ClusterError
            When there is no cluster, or a node has not what it needs.
        """
        with connected(self.address, self.workers or machine.cores()) as said, meeting(run) as places:
            progress.message(f"cluster: {said}")
            by_value(probe)
            team = Team(places, self.workers, progress.message)
            try:
                team.gather()
                progress.message(f"cluster: {names_of(team.members.values())}")
                on_nodes = OnNodes(workers, team, self.accounts, Layouts(places.folder), self.limit, progress)
                with running(on_nodes, locks):
                    yield on_nodes
            finally:
                team.end()

    def lines(self) -> list[str]:
        """Return what each node did, a line each."""
        return self.accounts.lines()


class OnNodes(Threads):
    """Threads of the driver, and nodes that make the calls of work."""

    reads_here = False

    def __init__(  # noqa: PLR0913, PLR0917 each is another thing
        self,
        workers: int,
        team: Team,
        accounts: Accounts,
        layouts: Layouts,
        limit: float,
        progress: Progress,
    ) -> None:
        super().__init__(workers)
        self._team = team
        self._accounts = accounts
        self._layouts = layouts
        self._limit = limit
        self._progress = progress
        for member in team.members.values():
            accounts.of(member.id, member.name, member.workers)

    def map(
        self,
        call: Callable[[Spec, Here], Result],
        specs: Iterable[Spec],
        *,
        at_once: int,
        readers: int = 1,
        told: Callable[[Any], object] = unheard,
    ) -> Iterator[Result]:
        """Make a call for each specification on a node."""
        mapping: Mapping[Result] = Mapping(
            self._team,
            self._accounts,
            self._layouts,
            call,
            list(specs),
            Ways(self._limit, at_once, readers, self.workers),
            told,
            self._progress.message,
            self.check,
        )
        return mapping.results()
