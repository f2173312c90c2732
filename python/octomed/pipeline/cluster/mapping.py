"""Calls on the nodes of a team: handed out, listened to, tried elsewhere, and ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from octomed.errors import CancelledRun, ClusterError, DamagedBlock, StorageError
from octomed.pipeline.cluster.accounts import stragglers
from octomed.pipeline.cluster.board import MOST_LOSSES, Board
from octomed.pipeline.cluster.connection import ray_module
from octomed.pipeline.cluster.travel import on_node
from octomed.pipeline.threads.executor_protocol import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from octomed.pipeline.cluster.accounts import Accounts
    from octomed.pipeline.cluster.team import Member, Team
    from octomed.pipeline.cluster.travel import Answer, Layouts

Result = TypeVar("Result")

_POLL_SECONDS = 0.2
"""How long an answer is waited for before it is looked whether Ctrl-C was pressed."""

_HEAR_SECONDS = 0.5
"""How often nodes are asked what they have done."""

_SAY_SECONDS = 15.0
"""How often rates and stragglers are told."""


@dataclass(frozen=True)
class Ways:
    """How calls are made.

    Attributes
    ----------
    limit
        Seconds that a call, or a node, may tell nothing before it is tried elsewhere.
    at_once
        Calls that a node may have begun at most.
    readers
        Calls that may read at once on a node with as many threads as the driver.
    threads
        Threads of the driver.
    """

    limit: float
    at_once: int
    readers: int
    threads: int

    def readers_on(self, member: Member) -> int:
        """Return how many calls may read at once on a node."""
        return max(1, self.readers * member.workers // self.threads)

    def slots_on(self, member: Member) -> int:
        """Return how many calls a node may have begun: one is finished while the next is read."""
        return min(self.at_once, self.readers_on(member) + 1)


@dataclass
class _Call:
    id: int
    number: int
    member: Member
    heard_at: float


@dataclass
class Mapping(Generic[Result]):
    """One pass over specifications.

    Attributes
    ----------
    team, accounts, layouts
        The nodes, what they did, and where the lists of blocks are.
    call, specs
        What to do.
    ways
        How.
    told
        Hears each part of the work once, however often it is done.
    say
        Told what is worth saying.
    check
        Raises when the run is cancelled.
    """

    team: Team
    accounts: Accounts
    layouts: Layouts
    call: Callable[..., Result]
    specs: Sequence[Any]
    ways: Ways
    told: Callable[[Any], object] = unheard
    say: Callable[[str], object] = unheard
    check: Callable[[], None] = lambda: None
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        """Begin with all tasks waiting."""
        self.board = Board(len(self.specs))
        self._ray = ray_module()
        self._calls: dict[Any, _Call] = {}
        self._polls: dict[Any, tuple[Member, float]] = {}
        self._told_names: dict[int, set[str]] = {}
        self._took_part: set[str] = set()
        self._next_poll = self._next_words = 0.0

    def results(self) -> Iterator[Result]:
        """Yield what calls return, as they come; raise what one raises, unless another node can do it.

        Raises
        ------
        ClusterError
            When no node is left, or a task ends every worker that tries it.
        """
        self._next_words = time.monotonic() + _SAY_SECONDS
        for member in self.team.members.values():
            self._take_in(member)
        while not self.board.is_done:
            self.check()
            self._look_for_nodes()
            self._hand_out()
            self._ask_nodes()
            waiting = [*self._calls, *self._polls]
            ready, _ = self._ray.wait(waiting, num_returns=1, timeout=_POLL_SECONDS)
            for answer in ready:
                if answer in self._polls:
                    self._hear(answer)
                elif answer in self._calls:
                    yield from self._answered(answer)
            self._give_up_silent()
            self._say_rates()

    # Handing out

    def _look_for_nodes(self) -> None:
        for member in self.team.look():
            self.say(f"node `{member.name}` takes part with {member.workers} threads")
            self._take_in(member)
        if not self.team.members and not self.team.may_come:
            raise ClusterError(
                "no node of the cluster is left to work on",
                "the lines before say why; start nodes (`ray start --address=…`), and run it again",
            )

    def _take_in(self, member: Member) -> None:
        self._took_part.add(member.id)
        self.board.add(member.id, self.ways.slots_on(member))

    def _hand_out(self) -> None:
        for number, node in self.board.assign():
            member = self.team.members[node]
            spec = self.layouts.lighter(self.specs[number])
            one = _Call(next(self.team.calls), number, member, time.monotonic())
            run = member.actor.run.remote(one.id, self.call, spec, self.ways.readers_on(member))
            self._calls[run] = one
        if not self._calls and not self._polls:
            time.sleep(_POLL_SECONDS)  # a node is on its way

    # Hearing

    def _ask_nodes(self) -> None:
        now = time.monotonic()
        if now < self._next_poll:
            return
        self._next_poll = now + _HEAR_SECONDS
        asked = {member.id for member, _ in self._polls.values()}
        for member in self.team.members.values():
            if member.id not in asked:
                self._polls[member.actor.heard.remote()] = (member, now)

    def _hear(self, poll: Any) -> None:  # noqa: ANN401 Ray's
        member, _ = self._polls.pop(poll)
        try:
            heard = self._ray.get(poll)
        except self._ray.exceptions.RayError:
            return  # its calls say so, too
        calls = {one.id: one for one in self._calls.values() if one.member is member}
        for key, told in heard.items():
            if told and key in calls:
                calls[key].heard_at = time.monotonic()
                self._tell(calls[key], told)

    def _tell(self, call: _Call, told: Sequence[Any]) -> None:
        """Tell of parts that nobody told before: the second run of a task tells all of them again."""
        names = self._told_names.setdefault(call.number, set())
        account = self.accounts.of(call.member.id, call.member.name, call.member.workers)
        for one in told:
            if one.name not in names:
                names.add(one.name)
                account.hear(one)
                self.told(one)

    def _answered(self, run: Any) -> Iterator[Result]:  # noqa: ANN401
        call = self._calls.pop(run)
        try:
            answer: Answer = self._ray.get(run)
        except self._ray.exceptions.RayError as error:
            self._lose(call.member, f"lost its worker ({_why(error)})")
            return
        if call.number not in self.board:
            return  # another node was first
        if answer.error is None:
            yield from self._won(call, answer)
        else:
            self._failed(call, answer.error)

    def _won(self, call: _Call, answer: Answer) -> Iterator[Result]:
        self._tell(call, answer.told)
        account = self.accounts.of(call.member.id, call.member.name, call.member.workers)
        account.count(self.call.__name__, answer.seconds)
        for node in self.board.done(call.number, call.member.id):
            self._cancel(call.number, node)
        self._told_names.pop(call.number, None)
        yield answer.result

    def _cancel(self, number: int, node: str) -> None:
        for one in self._calls.values():
            if one.number == number and one.member.id == node:
                one.member.actor.cancel.remote(one.id)

    # Failing

    def _failed(self, call: _Call, error: BaseException) -> None:
        """Try a task elsewhere where the fault may be the machine's, else raise what it raised."""
        if isinstance(error, CancelledRun):
            return
        others = [member for member in self.team.members.values() if member is not call.member]
        if _may_be_of_the_machine(error) and others:
            self._lose(call.member, f"could not go on: {_line(error)}", for_good=True)
            return
        alone = len(self._took_part) == 1
        raise error if alone else on_node(error, call.member.name)

    def _lose(self, member: Member, why: str, *, for_good: bool = False) -> None:
        """Go on without the worker of a node; raise when a task has ended several."""
        if self.team.members.get(member.id) is not member:
            return
        self.accounts.of(member.id, member.name, member.workers).lost += 1
        self._calls = {run: one for run, one in self._calls.items() if one.member is not member}
        self._polls = {poll: one for poll, one in self._polls.items() if one[0] is not member}
        lost = self.board.lose(member.id)
        if lost:
            why = f"{why}; what it had goes elsewhere: {', '.join(map(self._name, lost))}"
        self.team.leave(member, why, for_good=for_good)
        for number in lost:
            nodes = self.board.losses(number)
            if len(nodes) >= MOST_LOSSES:
                raise ClusterError(
                    f"{self._name(number)} ended its worker {len(nodes)} times, on "
                    f"{', '.join(sorted({self.accounts.nodes[one].node for one in nodes}))}",
                    "nodes that have too little memory do so: `--workers` takes fewer threads of each, and "
                    "`ray status` and Ray's logs have more",
                )

    def _give_up_silent(self) -> None:
        now, limit = time.monotonic(), self.ways.limit
        silent = [one.member for one in self._calls.values() if now - one.heard_at > limit]
        silent += [member for member, asked in self._polls.values() if now - asked > limit]
        for member in silent:
            self._lose(member, f"said nothing for {limit:,.0f} s")

    # Saying

    def _say_rates(self) -> None:
        now = time.monotonic()
        if now < self._next_words:
            return
        self._next_words = now + _SAY_SECONDS
        rates = self.accounts.rates()
        slow = stragglers(self.board.at_work(), self.board.usual_seconds, self._name_on)
        if rates:
            self.say(f"nodes: {rates}")
        if slow:
            self.say(f"slow: {slow}")

    def _name_on(self, number: int, node: str) -> str:
        known = self.accounts.nodes.get(node)
        return f"{self._name(number)} on `{node[:8] if known is None else known.node}`"

    def _name(self, number: int) -> str:
        spec = self.specs[number]
        task = getattr(spec, "task", None)
        return f"range {spec.number}" if task is None else f"`{task.file.source}/{task.file.relative}`"


def _may_be_of_the_machine(error: BaseException) -> bool:
    """Tell whether another machine may do what this one could not: a full disk, no unreadable row."""
    return isinstance(error, StorageError) and not isinstance(error, DamagedBlock)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _why(error: BaseException) -> str:
    """Return what Ray says of a worker's end, on a line."""
    text = str(error)
    for known in ("node died", "OOM", "out of memory", "preempt"):
        if known.lower() in text.lower():
            return {"OOM": "out of memory"}.get(known, known)
    return next(iter(text.strip().splitlines()), type(error).__name__).rstrip(".")
