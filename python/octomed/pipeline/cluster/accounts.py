"""What each node did, for progress, for the closing words, and for `--json`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from octomed.pipeline.calls.specs import BlockScanned, ShardWritten
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SLOW = 3.0
"""A task that takes so many times as long as the middle one is named."""


@dataclass
class NodeAccount:
    """What a node did for a run.

    Attributes
    ----------
    node
        What messages call it.
    workers
        Its threads.
    tasks, ranges
        Tasks scanned and ranges written there, those that another node did first left out.
    rows, bytes, shards
        Rows read there, bytes of their sources, and shards written.
    seconds
        That its calls took, added up: two of them may run at once.
    lost
        How often its worker ended before its work.
    """

    node: str
    workers: int
    tasks: int = 0
    ranges: int = 0
    rows: int = 0
    bytes: int = 0
    shards: int = 0
    seconds: float = 0.0
    lost: int = 0

    def hear(self, told: object) -> None:
        """Count a part of the work."""
        if isinstance(told, BlockScanned):
            self.rows += told.rows
            self.bytes += told.bytes
        elif isinstance(told, ShardWritten):
            self.shards += 1

    def count(self, call: str, seconds: float) -> None:
        """Count a call that was done here first."""
        self.seconds += seconds
        if call == "scan_task":
            self.tasks += 1
        else:
            self.ranges += 1

    def words(self) -> str:
        """Return the line of the closing summary."""
        scanned = f"{self.tasks:,} tasks ({self.rows:,} rows, {units.bytes_of(self.bytes)})"
        lost = f", its worker ended {self.lost} times" if self.lost else ""
        return f"node {self.node}: {scanned}, {self.ranges:,} ranges ({self.shards:,} shards){lost}"


class Accounts:
    """The accounts of all nodes, by Ray's ids.

    Parameters
    ----------
    clock
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.nodes: dict[str, NodeAccount] = {}
        self._clock = clock
        self._before: dict[str, tuple[float, int, int]] = {}

    def of(self, key: str, name: str, workers: int) -> NodeAccount:
        """Return the account of a node."""
        return self.nodes.setdefault(key, NodeAccount(name, workers))

    def values(self) -> list[dict[str, Any]]:
        """Return all as plain values."""
        return [asdict(one) for one in self.nodes.values()]

    def lines(self) -> list[str]:
        """Return a line a node, for the closing summary."""
        return [one.words() for one in self.nodes.values()]

    def rates(self) -> str:
        """Return what each node read since this was asked last."""
        return "; ".join(filter(None, (self._rate(key, one) for key, one in self.nodes.items())))

    def _rate(self, key: str, one: NodeAccount) -> str:
        now = self._clock()
        before, rows, size = self._before.get(key, (now, 0, 0))
        self._before[key] = (now, one.rows, one.bytes)
        spent = now - before
        if spent <= 0 or one.rows == rows:
            return ""
        read = units.bytes_of(int((one.bytes - size) / spent))
        return f"{one.node} {(one.rows - rows) / spent:,.0f} rows/s, {read}/s"


def stragglers(
    at_work: Iterable[tuple[int, str, float]], usual: float | None, name: Callable[[int, str], str]
) -> str:
    """Return the tasks that take much longer than most, with their nodes.

    Parameters
    ----------
    at_work
        Tasks, nodes, and the seconds until now.
    usual
        Seconds of the middle one of those that are done.
    name
        What a task on a node is called.

    Examples
    --------
    >>> stragglers([(3, "b", 40.0), (4, "a", 2.0)], 5.0, lambda task, node: f"task {task} on {node}")
    'task 3 on b for 40 s (most take 5 s)'
    """
    if usual is None:
        return ""
    slow = [(number, node, spent) for number, node, spent in at_work if spent > _SLOW * max(usual, 1.0)]
    return ", ".join(
        f"{name(number, node)} for {spent:.0f} s (most take {usual:.0f} s)"
        for number, node, spent in slow[:3]
    )
