"""How packs of several streams share batches, and what that leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from octomed.errors import RecipeError
from octomed.stream.counts import EpochCounts, World, slots_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streaming.base.world import World as Ranks

    from octomed.stream.mixing import Mix
    from octomed.stream.upstream import MendedDataset

METHODS = ("random", "per_stream", "stratified")
MOST_LEFT_OUT = 0.005
"""The share of packs that a method may leave out of an epoch."""
MOST_REPEATED = 0.01
"""The share of its packs that an epoch repeats at most by default, for the sake of other numbers of ranks."""
CANONICAL_NODES = 24
"""Every usual number of ranks divides it: batches are then the same for all of them."""


def canonical_nodes_for(packs: int | Sequence[int], nodes: int = 1) -> int:
    """Return the default of ``num_canonical_nodes``: the most, up to 24, that repeat little.

    Each part of an epoch is filled up to a multiple of it, by repeating packs. So small runs take the largest
    divisor of 24 that repeats 1 % of the packs at most. It follows from the data, and not from the ranks: the
    order is that of the seed, for whatever number of ranks divides it.

    Parameters
    ----------
    packs
        Packs that are shared out together: those of an epoch, or of each of its streams.
    nodes
        Machines.

    Examples
    --------
    >>> canonical_nodes_for(5_000), canonical_nodes_for(20), canonical_nodes_for(17)
    (24, 4, 1)
    """
    if CANONICAL_NODES % nodes and nodes % CANONICAL_NODES:
        return CANONICAL_NODES  # which `check_world` refuses: a small run is no reason to find another
    parts = [packs] if isinstance(packs, int) else packs
    allowed = MOST_REPEATED * sum(parts)
    return max(
        number
        for number in range(1, CANONICAL_NODES + 1)
        if CANONICAL_NODES % number == 0
        and (number % nodes == 0 or nodes % number == 0)
        and (number == 1 or (number <= min(parts) and sum(-count % number for count in parts) <= allowed))
    )


def canonical_nodes_before(packs: int) -> int:
    """Return what the default of ``num_canonical_nodes`` was, for checkpoints that do not say theirs."""
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
    fault = _fault(canonical_nodes, packs, world)
    if fault is None:
        return
    default, *others = _candidates(packs, world)
    if _fault(default, packs, world) is None:
        raise RecipeError(fault, "leave `num_canonical_nodes` out: its default fits")
    fitting = [number for number in others if _fault(number, packs, world) is None]
    raise RecipeError(fault, f"set it to {fitting[0]}" if fitting else "train on one machine")


def _candidates(packs: int, world: World) -> list[int]:
    """Return numbers of canonical nodes that may fit, the default first, and then the best first."""
    divisors = [number for number in range(world.nodes, 0, -1) if world.nodes % number == 0]
    return [canonical_nodes_for(packs, world.nodes), world.ranks, *divisors]


def _fault(canonical_nodes: int, packs: int, world: World) -> str | None:
    """Return why Streaming cannot partition packs, if it cannot."""
    if canonical_nodes % world.nodes and world.nodes % canonical_nodes:
        return f"`num_canonical_nodes` {canonical_nodes} and {world.nodes} machines do not divide one another"
    if packs < canonical_nodes:
        return f"{packs} packs are fewer than `num_canonical_nodes`, {canonical_nodes}"
    machines = max(1, world.nodes // canonical_nodes)  # that share a canonical node
    each = -(-packs // canonical_nodes)
    if -each % machines > max(0, each - machines + 1):  # what Streaming repeats for them has to be there
        return f"{packs} packs are too few for {world.nodes} machines"
    return None


def smallest_part(mixed: Mix, method: str) -> int:
    """Return the packs of the smallest part that is partitioned: a stream, or all of them together."""
    return min(parts_of(mixed, method))


def parts_of(mixed: Mix, method: str) -> list[int]:
    """Return the packs of an epoch's parts that are partitioned apart."""
    given = [part.given for part in mixed.parts]
    return [sum(given)] if method == "random" else given


def default_canonical_nodes(mixed: Mix, method: str, world: World, *, training: bool) -> int:
    """Return ``num_canonical_nodes`` where nobody says it."""
    return canonical_nodes_for(parts_of(mixed, method), world.nodes) if training else world.nodes


def check_method(method: str, mixed: Mix, canonical_nodes: int, batch: int, world: World) -> None:
    """Refuse a method that cannot serve these streams.

    Parameters
    ----------
    method
        One of `METHODS`.
    mixed
        The streams, and what an epoch gives of each.
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
    if method == "stratified" and len({part.given for part in mixed.parts}) > 1:
        message = "`stratified` leaves a third of unequal streams out"
        raise RecipeError(message, "choose `random`, or `per_stream` for batches of one stream each")
    for part in mixed.parts:
        if method == "per_stream" and slots_of(part.given, canonical_nodes, world) < batch:
            message = (
                f"stream `{part.name}` has {part.given} packs, "
                f"and `per_stream` makes batches of {batch} from it alone"
            )
            raise RecipeError(message, "choose `random`, or a smaller batch")


def count_epoch(dataset: MendedDataset, epoch: int, ranks: Ranks) -> EpochCounts:
    """Count what an epoch holds, from the order that Streaming makes for it.

    Where each pack is given once and batches are ``random``, the repeats follow from the rule alone.
    """
    packs = int(dataset.num_samples)
    if dataset.batching_method == "random" and all(stream.repeat == 1 for stream in dataset.streams):
        canonical_nodes = dataset.num_canonical_nodes or 1
        slots = slots_of(packs, canonical_nodes, World(ranks.num_nodes, ranks.ranks_per_node))
        return EpochCounts(packs, slots, slots - packs, 0)
    order = dataset.order_of(epoch, ranks)
    given = order[order >= 0]
    distinct = len(np.unique(given))
    return EpochCounts(packs, given.size, given.size - distinct, packs - distinct)


def check_left_out(counts: EpochCounts, method: str, mixed: Mix | None = None) -> None:
    """Refuse to leave out more than the few packs that do not fill a batch.

    Parameters
    ----------
    counts
        Of an epoch.
    method
        How batches are made.
    mixed
        Where runs have shares of an epoch: what these leave out is meant.

    Raises
    ------
    RecipeError
        Above 0.5 % of the packs.
    """
    meant = mixed is not None and mixed.shares is not None
    left_out = max(0, counts.packs - counts.slots) if meant else counts.left_out
    if left_out > MOST_LEFT_OUT * counts.packs:
        share = f"{left_out:,} of {counts.packs:,} packs ({left_out / counts.packs:.1%})"
        message = f"`{method}` batching leaves {share} out of an epoch, more than {MOST_LEFT_OUT:.1%}"
        raise RecipeError(message, "choose `random`, or a smaller batch")
