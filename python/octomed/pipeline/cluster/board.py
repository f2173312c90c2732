"""Which task goes to which node: a table that knows nothing of Ray, so that its rules can be tried alone."""

from __future__ import annotations

import statistics
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_SECONDS_ALONE = 5.0
"""A task runs a second time at the earliest after that: most are done before."""

MOST_LOSSES = 4
"""A task that was at work as often where a worker died is taken to be what kills it."""


@dataclass
class _Task:
    runs: dict[str, float] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


class Board:
    """Tasks by number and nodes by id.

    A node gets a task more than it works on, while it has room, and the nodes with the least come first. When
    none waits, a node that has nothing to do gets the task that has been at work the longest elsewhere, once:
    whoever is done first wins, and both write the same bytes.

    Parameters
    ----------
    tasks
        How many.
    clock
        Returns seconds.

    Examples
    --------
    >>> board = Board(3)
    >>> board.add("a", 1), board.add("b", 1)
    (None, None)
    >>> board.assign(), board.done(0, "a"), board.assign()
    ([(0, 'a'), (1, 'b')], [], [(2, 'a')])
    >>> board.lose("b"), board.is_done
    ([1], False)
    """

    def __init__(self, tasks: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tasks = {number: _Task() for number in range(tasks)}
        self._waiting = deque(range(tasks))
        self._working: set[int] = set()
        self._slots: dict[str, int] = {}
        self._took: list[float] = []

    @property
    def is_done(self) -> bool:
        """Whether no task is left."""
        return not self._tasks

    def __contains__(self, number: int) -> bool:
        """Tell whether a task is left."""
        return number in self._tasks

    @property
    def left(self) -> int:
        """How many tasks are left, those at work included."""
        return len(self._tasks)

    @property
    def usual_seconds(self) -> float | None:
        """How long the middle one of the tasks that are done took."""
        return statistics.median(self._took) if self._took else None

    def add(self, node: str, slots: int) -> None:
        """Have a node take part, with so many tasks at once at most."""
        self._slots[node] = slots

    def assign(self) -> list[tuple[int, str]]:
        """Return which tasks go to which nodes now: they count as begun."""
        given: list[tuple[int, str]] = []
        while (one := self._next()) is not None:
            number, node = one
            self._tasks[number].runs[node] = self._clock()
            self._working.add(number)
            given.append(one)
        return given

    def done(self, number: int, node: str) -> list[str]:
        """Note that a task is done; return the nodes that need not go on with it."""
        task = self._tasks.pop(number, None)
        self._working.discard(number)
        if task is None:
            return []
        self._took.append(self._clock() - task.runs.pop(node, self._clock()))
        if number in self._waiting:  # it came back after a node was given up
            self._waiting.remove(number)
        return list(task.runs)

    def lose(self, node: str) -> list[int]:
        """Take a node out; return its tasks, of which those at work nowhere else wait again."""
        self._slots.pop(node, None)
        lost = sorted(number for number in self._working if node in self._tasks[number].runs)
        for number in reversed(lost):
            task = self._tasks[number]
            del task.runs[node]
            task.lost.append(node)
            if not task.runs:
                self._working.discard(number)
                self._waiting.appendleft(number)
        return lost

    def losses(self, number: int) -> list[str]:
        """Return the nodes that a task was lost on; `MOST_LOSSES` of them are too many."""
        return self._tasks[number].lost

    def at_work(self) -> list[tuple[int, str, float]]:
        """Return the tasks at work, on which node, and for how many seconds; the longest first."""
        now = self._clock()
        runs = ((number, self._tasks[number].runs) for number in self._working)
        found = [(number, node, now - begun) for number, where in runs for node, begun in where.items()]
        return sorted(found, key=lambda one: -one[2])

    def _next(self) -> tuple[int, str] | None:
        loads = self._loads()
        free = sorted(
            (node for node, slots in self._slots.items() if loads[node] < slots), key=loads.__getitem__
        )
        for number in self._waiting if free else ():
            lost = self._tasks[number].lost
            fresh = [node for node in free if node not in lost]
            if fresh or all(node in lost for node in self._slots):
                self._waiting.remove(number)
                return number, (fresh or free)[0]
        return None if self._waiting else self._second([node for node in free if not loads[node]])

    def _second(self, idle: list[str]) -> tuple[int, str] | None:
        """Return a task that is to be tried a second time on an idle node, if one takes long."""
        alone = max(LEAST_SECONDS_ALONE, 2 * (self.usual_seconds or 0))
        for number, where, seconds in self.at_work() if idle else ():
            if seconds >= alone and len(self._tasks[number].runs) == 1:
                others = [node for node in idle if node != where]
                if others:
                    return number, others[0]
        return None

    def _loads(self) -> dict[str, int]:
        loads = dict.fromkeys(self._slots, 0)
        for number in self._working:
            for node in self._tasks[number].runs:
                if node in loads:
                    loads[node] += 1
        return loads
