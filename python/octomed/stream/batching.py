"""How packs of several streams share batches, and what that leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from octomed.errors import RecipeError
from octomed.stream.counts import EpochCounts, World, slots_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streaming.base.world import World as Ranks

    from octomed.stream.upstream import MendedDataset

METHODS = ("random", "per_stream", "stratified")
MOST_LEFT_OUT = 0.005
"""The share of packs that a method may leave out of an epoch."""
CANONICAL_NODES = 24
"""Every usual number of ranks divides it: batches are then the same for all of them."""


def canonical_nodes_for(packs: int) -> int:
    """Return the default of ``num_canonical_nodes``: 24, or its largest divisor that fewer packs fill."""
    divisors = [number for number in range(1, CANONICAL_NODES + 1) if CANONICAL_NODES % number == 0]
    return max(number for number in divisors if number <= max(packs, 1))


def ranks_batch(batch_size: int | None, global_batch_size: int | None, ranks: int) -> int:
    """Return the packs that each rank takes a batch.

    Raises
    ------
    RecipeError
        When not exactly one of the two is given, or the ranks do not share the global batch evenly.
    """
    if (batch_size is None) == (global_batch_size is None):
        raise RecipeError(
            "give either `batch_size`, packs per rank, or `global_batch_size`, packs of all ranks"
        )
    size = batch_size if global_batch_size is None else global_batch_size
    if not isinstance(size, int) or size < 1:
        raise RecipeError(f"a batch of {size!r} packs is empty", "a batch has at least one pack")
    if global_batch_size is None:
        return size
    if size % ranks:
        message = f"a global batch of {size} packs is not divisible by {ranks} ranks"
        raise RecipeError(message, f"take {size - size % ranks or ranks} or {size - size % ranks + ranks}")
    return size // ranks


def check_world(canonical_nodes: int, packs: int, world: World) -> None:
    """Refuse what Streaming cannot partition.

    Raises
    ------
    RecipeError
        When there are fewer packs than canonical nodes, or these and the machines do not divide one another.
    """
    if packs < canonical_nodes:
        message = f"{packs} packs are fewer than `num_canonical_nodes`, {canonical_nodes}"
        raise RecipeError(message, "leave `num_canonical_nodes` out: its default fits")
    if canonical_nodes % world.nodes and world.nodes % canonical_nodes:
        message = (
            f"`num_canonical_nodes` {canonical_nodes} and {world.nodes} machines do not divide one another"
        )
        raise RecipeError(message, f"set it to {world.ranks}, or to a multiple of that")


def check_method(
    method: str, packs: Mapping[str, int], canonical_nodes: int, batch: int, world: World
) -> None:
    """Refuse a method that cannot serve these streams.

    Parameters
    ----------
    method
        One of `METHODS`.
    packs
        Packs of each stream.
    canonical_nodes
        ``num_canonical_nodes``.
    batch
        Packs of a global batch.
    world
        Machines and ranks.

    Raises
    ------
    RecipeError
        For an unknown method, for ``stratified`` over unequal streams, and for ``per_stream`` over a stream
        that fills no batch.
    """
    if method not in METHODS:
        listed = ", ".join(f"`{one}`" for one in METHODS)
        raise RecipeError(f"unknown batching method `{method}`", f"choose one of {listed}")
    if method == "stratified" and len(set(packs.values())) > 1:
        message = "`stratified` leaves a third of unequal streams out"
        raise RecipeError(message, "choose `random`, or `per_stream` for batches of one stream each")
    for name, count in packs.items():
        if method == "per_stream" and slots_of(count, canonical_nodes, world) < batch:
            message = (
                f"stream `{name}` has {count} packs, and `per_stream` makes batches of {batch} from it alone"
            )
            raise RecipeError(message, "choose `random`, or a smaller batch")


def count_epoch(dataset: MendedDataset, epoch: int, ranks: Ranks) -> EpochCounts:
    """Count what an epoch holds, from the order that Streaming makes for it.

    For ``random`` batching nothing is left out, and the repeats follow from the rule alone.
    """
    packs = int(dataset.num_samples)
    if dataset.batching_method == "random":
        canonical_nodes = dataset.num_canonical_nodes or 1
        slots = slots_of(packs, canonical_nodes, World(ranks.num_nodes, ranks.ranks_per_node))
        return EpochCounts(packs, slots, slots - packs, 0)
    order = dataset.order_of(epoch, ranks)
    given = order[order >= 0]
    distinct = len(np.unique(given))
    return EpochCounts(packs, given.size, given.size - distinct, packs - distinct)


def check_left_out(counts: EpochCounts, method: str) -> None:
    """Refuse to leave out more than the few packs that do not fill a batch.

    Raises
    ------
    RecipeError
        Above 0.5 % of the packs.
    """
    if counts.left_out > MOST_LEFT_OUT * counts.packs:
        share = f"{counts.left_out:,} of {counts.packs:,} packs ({counts.left_out / counts.packs:.1%})"
        message = f"`{method}` batching leaves {share} out of an epoch, more than {MOST_LEFT_OUT:.1%}"
        raise RecipeError(message, "choose `random`, or a smaller batch")
