"""What a plan expects of several machines, as a plain value and as lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class NodesEstimate:
    """A run on several machines that are as this one; as near as a sample of rows.

    Attributes
    ----------
    nodes
        How many.
    seconds, seconds_alone
        There, and on this machine by itself, each with the time to choose traces.
    network_bytes
        Read from shared folders and written to them by all nodes.
    requests
        Reads of a piece of a file, about: each block's index by every node, and each block for each range.
    ranges, tasks
        The units that nodes get: ranges to write, and tasks that are left to scan.
    largest_share
        Part of the scan that is one task, which one node reads.
    """

    nodes: int
    seconds: float
    seconds_alone: float
    network_bytes: int
    requests: int
    ranges: int
    tasks: int
    largest_share: float

    @property
    def one_is_quicker(self) -> bool:
        """Whether this machine by itself would be done sooner."""
        return self.seconds_alone <= self.seconds


def nodes_lines(found: NodesEstimate) -> Iterator[str]:
    """Yield what `octomed plan --nodes` adds."""
    there, here = units.seconds(found.seconds), units.seconds(found.seconds_alone)
    yield f"nodes     about {there} on {found.nodes} such machines, {here} on this one"
    over = units.bytes_of(found.network_bytes)
    yield f"  network about {over} over shared folders, in {units.count(found.requests)} reads"
    if found.tasks < found.nodes or found.ranges < found.nodes:
        parts = f"{units.count(found.tasks)} tasks to scan and {units.count(found.ranges)} ranges to write"
        yield f"  parts   {parts}: other nodes have nothing to do"
    elif found.largest_share > 1 / found.nodes:
        yield f"  parts   one task is {units.percent(found.largest_share)} of the scan, and one node reads it"
    if found.one_is_quicker:
        yield "  advice  one machine is quicker: leave out `--executor ray`"
