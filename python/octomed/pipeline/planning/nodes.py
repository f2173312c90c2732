"""What a run would take on several machines that are as this one, and when one of them is quicker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.report.nodes import NodesEstimate

if TYPE_CHECKING:
    from octomed.pipeline.planning.plan import Plan
    from octomed.report.planned import Estimate

START_SECONDS = 6.0
"""Until the nodes have a worker each, and until all is ended: measured on one node (`docs/ray.md`)."""

SELECT_SECONDS = 2.5e-7
"""That laying a trace out takes (2 s for 8.1 million: `bench/results/full-run.json`), on each node."""

_BLOCK_BYTES = 32 * 2**20
_LEAST_RANGE, _MOST_RANGE, _RANGE_PER_BLOCK = 75_000_000, 150_000_000, 64_000
"""Tokens of a range, as the engine cuts them."""


def estimate_on_nodes(plan: Plan, here: Estimate, nodes: int) -> NodesEstimate:
    """Estimate a run on several machines that are as this one.

    Parameters
    ----------
    plan
        The plan.
    here
        What it takes on this machine.
    nodes
        How many machines.

    Returns
    -------
    NodesEstimate
        Minutes, bytes over the network and requests. Of what is left to scan, a node gets whole tasks, so the
        largest one is what it takes at least; of what is to be written, whole ranges.
    """
    missing = [task for _, task in plan.tasks() if plan.finished(task) is None]
    left = sum(task.source_bytes for task in missing)
    largest = max((task.source_bytes for task in missing), default=0)
    blocks = max(here.tasks, -(-here.source_bytes // _BLOCK_BYTES))
    ranges = ranges_of(here.tokens, blocks)
    share = max(1 / nodes, largest / left if left else 0, 1 / ranges)
    select = SELECT_SECONDS * here.traces
    alone = here.seconds + select
    together = START_SECONDS + here.seconds * share + 2 * select
    index = _octomed.INDEX_ROW_BYTES * here.traces
    network = left + here.store_bytes_left + here.store_bytes + index * (nodes + 1) + here.output_bytes
    return NodesEstimate(
        nodes=nodes,
        seconds=together,
        seconds_alone=alone,
        network_bytes=network,
        requests=blocks * ranges + 2 * blocks * (nodes + 1),
        ranges=ranges,
        tasks=len(missing),
        largest_share=largest / left if left else 0.0,
    )


def ranges_of(tokens: int, blocks: int) -> int:
    """Return how many ranges a run has about, of which each is written by one node.

    Examples
    --------
    >>> ranges_of(1_000_000, 1), ranges_of(100_000_000_000, 6900)
    (1, 666)
    """
    size = min(_MOST_RANGE, max(_LEAST_RANGE, _RANGE_PER_BLOCK * blocks))
    return max(1, tokens // size)
