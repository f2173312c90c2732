"""What an epoch holds: packs, the few that it repeats, and those that it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

_FEW = 0.01
"""The share of repeats that is not worth another word."""


@dataclass(frozen=True)
class World:
    """Processes of a run.

    Attributes
    ----------
    nodes
        Machines.
    ranks_per_node
        Ranks of each.
    """

    nodes: int
    ranks_per_node: int

    @property
    def ranks(self) -> int:
        """Ranks of all machines."""
        return self.nodes * self.ranks_per_node


@dataclass(frozen=True)
class EpochCounts:
    """What one epoch offers, over all ranks.

    Attributes
    ----------
    packs
        Packs of the streams.
    slots
        Samples that all ranks together are given.
    repeats
        Slots that hold a pack a second time.
    left_out
        Packs that no slot holds.

    Examples
    --------
    >>> print(EpochCounts(packs=19, slots=24, repeats=5, left_out=0))
    19 packs, 5 repeated per epoch (26.3%)
    """

    packs: int
    slots: int
    repeats: int
    left_out: int

    def __str__(self) -> str:
        """Say it in a line."""
        often = f" ({self.repeats / self.packs:.1%})" if self.repeats > _FEW * self.packs else ""
        parts = [f"{self.packs:,} packs", f"{self.repeats:,} repeated per epoch{often}"]
        if self.left_out:
            parts.append(f"{self.left_out:,} left out ({self.left_out / self.packs:.2%})")
        return ", ".join(parts)


def slots_of(packs: int, canonical_nodes: int, world: World) -> int:
    """Return how many samples Streaming makes of a number of packs.

    Its rule (mosaicml-streaming 0.13, partition ``orig``): each canonical node gets the same number, then
    each machine, then each rank, and what is missing for that is repeated.

    Parameters
    ----------
    packs
        Packs of an epoch; of one stream where streams are partitioned apart.
    canonical_nodes
        ``num_canonical_nodes``.
    world
        Machines and ranks.
    """
    a_canonical_node = -(-packs // canonical_nodes)
    machines_a_canonical_node = max(1, world.nodes // canonical_nodes)
    a_canonical_node = _up(a_canonical_node, machines_a_canonical_node)
    a_machine = a_canonical_node * canonical_nodes // world.nodes
    return _up(a_machine, world.ranks_per_node) * world.nodes


def _up(number: int, factor: int) -> int:
    return -(-number // factor) * factor
