"""The nodes of a cluster, and on each a worker that is at home there."""

from __future__ import annotations

import contextlib
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.errors import ClusterError
from octomed.pipeline.cluster import probe as probing
from octomed.pipeline.cluster.connection import ray_module
from octomed.pipeline.cluster.differences import refuse_another_program
from octomed.pipeline.cluster.node_worker import NodeWorker
from octomed.pipeline.cluster.places import refuse_unseen
from octomed.pipeline.threads.executor import MEMORY_A_WORKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from octomed.pipeline.cluster.places import Places

_MOST_STARTS = 3
"""A node whose worker ended so often is left out."""

_LOOK_SECONDS = 3.0
"""How often it is looked which nodes there are."""

_START_SECONDS = 120.0
"""How long a node may take to start a worker, where others wait for it."""

_END_SECONDS = 2.0
"""How long workers may take to end what they do before their processes are ended."""


@dataclass
class Member:
    """A node that works on the run.

    Attributes
    ----------
    id, name
        Of the node: Ray's, and what messages call it.
    workers
        Its threads.
    actor
        Ray's handle of its worker.
    """

    id: str
    name: str
    workers: int
    actor: Any


@dataclass
class _Coming:
    """A node that is being asked: first what it has, then whether it sees what it must."""

    id: str
    cores: int
    memory: float
    answer: Any
    begun: float = field(default_factory=time.monotonic)
    member: Member | None = None


class Team:
    """The nodes that work on a run; those that come later take part, too.

    Parameters
    ----------
    places
        Where they meet.
    most
        Threads a node at most; None for its cores.
    say
        Told what is worth saying.
    """

    def __init__(self, places: Places, most: int | None, say: Callable[[str], object]) -> None:
        self.members: dict[str, Member] = {}
        self.calls = itertools.count()
        self._ray = ray_module()
        self._places = places
        self._most = most
        self._say = say
        self._here = probing.probe()
        self._coming: dict[str, _Coming] = {}
        self._starts: dict[str, int] = {}
        self._out: set[str] = set()
        self._names: dict[str, str] = {}
        self._looked = 0.0

    def gather(self) -> None:
        """Wait until the nodes of the cluster have a worker each.

        Raises
        ------
        ClusterError
            When no node has cores, or one has not what it needs.
        """
        self.look()
        if not self._coming and not self.members:
            raise ClusterError(
                "no node of the cluster has cores for work (`num_cpus`)",
                "start a node that has: `ray start --address=… --num-cpus=N`",
            )
        while self._coming and not (self.members and self._is_late()):
            self._step(strictly=True, seconds=1.0)
            if not self.members and self._is_late():
                raise ClusterError(
                    f"no node started a worker within {_START_SECONDS:.0f} s: their cores are taken",
                    "look with `ray status`; end other jobs, or start the run when they are done",
                )
        if self._coming:
            self._say(
                f"cluster: {len(self._coming)} nodes have no cores free yet: they take part when they have"
            )

    def look(self) -> list[Member]:
        """Look, now and then, which nodes there are, and return those that can work from now on."""
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            for node in self._ray.nodes():
                self._meet(node)
        return self._step(strictly=False, seconds=0) if self._coming else []

    def leave(self, member: Member, why: str, *, for_good: bool = False) -> None:
        """End the worker of a node; unless it is for good, or happens too often, it gets another one.

        Parameters
        ----------
        member
            The node.
        why
            What is said of it.
        for_good
            Whether the node is left out from now on.
        """
        self.members.pop(member.id, None)
        with contextlib.suppress(Exception):
            self._ray.kill(member.actor, no_restart=True)
        if for_good or self._starts.get(member.id, 0) >= _MOST_STARTS:
            self._out.add(member.id)
            why = f"{why}; it gets no more work"
        self._looked = 0.0
        self._say(f"node `{member.name}` {why}")

    @property
    def may_come(self) -> bool:
        """Whether a node may take part soon that does not now."""
        return bool(self._coming)

    def end(self) -> None:
        """End all workers, within seconds."""
        asked = [member.actor.end.remote() for member in self.members.values()]
        with contextlib.suppress(Exception):
            self._ray.wait(asked, num_returns=len(asked), timeout=_END_SECONDS)
        coming = [one.member for one in self._coming.values() if one.member is not None]
        for member in (*self.members.values(), *coming):
            with contextlib.suppress(Exception):
                self._ray.kill(member.actor, no_restart=True)
        self.members.clear()

    def _meet(self, node: dict[str, Any]) -> None:
        key = node["NodeID"]
        if not node["Alive"]:
            self._coming.pop(key, None)
            return
        cores = int(node["Resources"].get("CPU", 0))
        if cores < 1 or key in self.members or key in self._coming or key in self._out:
            return
        asked = self._remote(probing.probe, key, num_cpus=0)
        self._coming[key] = _Coming(key, cores, node["Resources"].get("memory", 0.0), asked.remote())

    def _step(self, *, strictly: bool, seconds: float) -> list[Member]:
        """Go on with nodes that have answered; return those that can work now."""
        waiting = {one.answer: one for one in self._coming.values()}
        answered, _ = self._ray.wait(list(waiting), num_returns=1, timeout=seconds)
        found: list[Member] = []
        for answer in answered:
            one = waiting[answer]
            try:
                if self._goes_on(one):
                    found.append(self.members[one.id])
            except ClusterError as error:
                del self._coming[one.id]
                if strictly:
                    raise
                self._out.add(one.id)
                self._say(f"{error}: it takes no part")
            except self._ray.exceptions.RayError as error:
                del self._coming[one.id]
                self._out.add(one.id)
                self._say(f"node `{self._names.get(one.id, one.id[:8])}` takes no part: {_first_line(error)}")
        return found

    def _goes_on(self, one: _Coming) -> bool:
        """Start the worker of a node that is as it should be, or take it in once it sees all it must."""
        if one.member is None:
            there = self._ray.get(one.answer)
            name = self._named(one.id, there["host"])
            refuse_another_program(name, there, self._here)
            one.member = self._started(one, name)
            one.answer = one.member.actor.look.remote(one.id)
            return False
        refuse_unseen(self._places, one.id, one.member.name, self._ray.get(one.answer))
        self.members[one.id] = one.member
        del self._coming[one.id]
        return True

    def _started(self, one: _Coming, name: str) -> Member:
        workers = min(one.cores, self._most or one.cores)
        if one.memory:
            workers = max(1, min(workers, int(one.memory // MEMORY_A_WORKER)))
        needs = min(workers * MEMORY_A_WORKER, int(one.memory))
        self._starts[one.id] = self._starts.get(one.id, 0) + 1
        actor = self._remote(
            NodeWorker, one.id, num_cpus=workers, memory=needs, max_concurrency=16, max_restarts=0
        )
        return Member(one.id, name, workers, actor.remote(workers, self._places))

    def _remote(self, what: Any, node: str, **options: Any) -> Any:  # noqa: ANN401 Ray's
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

        at_home = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        return self._ray.remote(what).options(scheduling_strategy=at_home, **options)

    def _named(self, key: str, host: str) -> str:
        """Return what messages call a node: its host, and where that has several, a piece of Ray's id."""
        taken = {name for other, name in self._names.items() if other != key}
        return self._names.setdefault(key, host if host not in taken else f"{host}/{key[:6]}")

    def _is_late(self) -> bool:
        now = time.monotonic()
        return all(now - one.begun > _START_SECONDS for one in self._coming.values())


def by_value(module: Any) -> None:  # noqa: ANN401 a module
    """Have the functions of a module travel as code: what is asked of a node must not need octomed there."""
    ray_module().cloudpickle.register_pickle_by_value(module)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def names_of(members: Iterable[Member]) -> str:
    """Return nodes with their threads, as a sentence lists them."""
    return ", ".join(f"`{member.name}` ({member.workers} threads)" for member in members)
