"""Which rank of a step gets which of its packs: so that no rank waits long for another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from octomed.errors import OctomedError, RecipeError
from octomed.names import shown
from octomed.stream.costs import Costs
from octomed.stream.pack_table import pack_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed.stream.counts import World
    from octomed.stream.mixing import Mix

    Order = NDArray[np.int64]
    """Packs of an epoch: [machines, ranks of each, workers, batches of each worker, packs]; -1 is none."""


def balanced(order: Order, costs: NDArray[np.float64]) -> Order:
    """Share the packs of each step out over the ranks of a machine, so that they cost alike.

    A step's packs stay those of the step, and a machine's packs those of the machine, whose shards are
    there. Packs that cost alike take the same place in their ranks' batches, for ranks wait for each other in
    each microbatch where parameters are sharded; the largest of a place goes to the rank that has least so
    far.

    Parameters
    ----------
    order
        What Streaming makes of an epoch, or of what is left of it.
    costs
        Of each pack, by its number.

    Returns
    -------
    array of int64
        Of the same shape.

    Examples
    --------
    >>> order = np.array([[[[[0, 1]]], [[[2, 3]]]]])  # one machine, two ranks, one step of four packs
    >>> balanced(order, np.array([9.0, 8.0, 2.0, 1.0]))[0, :, 0, 0]
    array([[0, 3],
           [1, 2]])
    """
    machines, ranks, workers, rounds, size = order.shape
    # steps one after another: a rank's workers take turns
    steps = order.transpose(3, 2, 0, 1, 4).reshape(rounds * workers, machines, ranks, size)
    filled = (steps >= 0).sum(axis=(1, 2, 3))
    shared = np.empty_like(steps)
    for packs in np.unique(filled):
        chosen = filled == packs
        each = int(packs) // (machines * ranks)
        part = steps[chosen]
        if packs and (part[..., :each] >= 0).all() and each * machines * ranks == packs:
            groups = part[..., :each].reshape(-1, ranks * each)
            dealt = _dealt(groups, costs, ranks).reshape(-1, machines, ranks, each)
            part = np.concatenate([dealt, part[..., each:]], axis=-1)
        shared[chosen] = part
    return shared.reshape(rounds, workers, machines, ranks, size).transpose(2, 3, 1, 0, 4)


def _dealt(groups: NDArray[np.int64], costs: NDArray[np.float64], ranks: int) -> NDArray[np.int64]:
    """Deal packs, [groups, packs], out to ranks: [groups, ranks, packs of each]."""
    groups = np.sort(groups, axis=1)  # equal costs then go by number, however the packs came
    falling = np.argsort(-costs[groups], axis=1, kind="stable")
    packs = np.take_along_axis(groups, falling, axis=1).reshape(len(groups), -1, ranks)
    dealt = np.empty((len(groups), ranks, packs.shape[1]), np.int64)
    sums = np.zeros((len(groups), ranks))
    for place in range(packs.shape[1]):
        least_first = np.argsort(sums, axis=1, kind="stable")
        given = np.empty_like(packs[:, place])
        np.put_along_axis(given, least_first, packs[:, place], axis=1)
        dealt[:, :, place] = given
        sums += costs[given]
    return dealt


@dataclass(frozen=True)
class Wait:
    """What ranks lose by waiting for the slowest, as shares of all their time.

    Attributes
    ----------
    step
        Where they wait at the end of a step, as with DDP.
    microbatch
        Where they wait in every microbatch of one pack, as with parameters that are sharded.
    """

    step: float
    microbatch: float

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.step:.1%} of a step (DDP), {self.microbatch:.1%} (FSDP)"


def wait_of(order: Order, costs: NDArray[np.float64]) -> Wait:
    """Return what ranks lose by waiting in an epoch, if time is what packs cost.

    Examples
    --------
    >>> order = np.array([[[[[0, 1]]], [[[2, 3]]]]])
    >>> costs = np.array([9.0, 8.0, 2.0, 1.0])
    >>> print(wait_of(order, costs))  # 17 against 3: the second rank waits for 14 of 2 x 17
    41.2% of a step (DDP), 41.2% (FSDP)
    >>> print(wait_of(balanced(order, costs), costs))
    0.0% of a step (DDP), 9.1% (FSDP)
    """
    machines, ranks, workers, rounds, size = order.shape
    steps = order.transpose(3, 2, 0, 1, 4).reshape(rounds * workers, machines * ranks, size)
    spent = np.where(steps >= 0, costs[np.maximum(steps, 0)], 0.0)
    total = spent.sum()
    slowest = spent.sum(axis=2).max(axis=1).sum() * machines * ranks
    places = spent.max(axis=1).sum() * machines * ranks
    return Wait(1 - total / slowest, 1 - total / places) if total else Wait(0.0, 0.0)


@dataclass(frozen=True)
class Balance:
    """How a data set shares packs out.

    Attributes
    ----------
    costs
        Of each pack, by its number in all streams; ``None`` where packs stay as they come.
    note
        What is not known of them, where they were asked for.
    """

    costs: NDArray[np.float64] | None = None
    note: str | None = None

    def lines(self, make_order: Callable[[], Order]) -> Iterator[str]:
        """Say what is won in an epoch, given what makes it as it comes."""
        if self.note is not None:
            yield f"note: {self.note}"
        if self.costs is not None:
            order = make_order()
            before, after = wait_of(order, self.costs), wait_of(balanced(order, self.costs), self.costs)
            yield f"balance: by what packs cost, ranks wait {after}; as packs come {before}"


METHODS = ("auto", "off")
OFF = "off"


def checked_method(method: str) -> str:
    """Return a known method.

    Raises
    ------
    RecipeError
        For another.
    """
    if method not in METHODS:
        raise RecipeError(f"unknown `balance`: `{method}`", "choose `auto` or `off`")
    return method


def balance_of(  # noqa: PLR0913, PLR0917 of a data set
    mixed: Mix, folders: Sequence[Path], method: str, costs: Costs | None, batch: int, world: World
) -> Balance:
    """Find out what each pack of a data set costs, where that can balance its ranks.

    Nothing is to be shared out on one rank, or where each rank has one pack a step.

    Parameters
    ----------
    mixed
        Its streams.
    folders
        Cache folder of each run.
    method
        One of `METHODS`.
    costs
        What a step spends; `Costs` by default.
    batch
        Packs of a rank's batch.
    world
        Machines and ranks.
    """
    if method == OFF or batch == 1 or world.ranks == 1:
        return Balance()
    try:
        tables = [pack_tables(run, folder) for run, folder in zip(mixed.runs, folders, strict=True)]
    except OctomedError as error:  # a run that somebody copied without its tables can be trained on
        return Balance(note=f"the packs of a step are not balanced: {error.message}")
    chosen = costs or Costs()
    parts = [(mixed.runs[part.run], tables[part.run][part.name]) for part in mixed.parts]
    unknown = [run for run, table in parts if chosen.patch and table.images.any() and not table.patches.any()]
    return Balance(
        np.concatenate([table.costs(chosen) for _, table in parts]),
        f"packs are balanced without their images: the provenance of `{shown(unknown[0].location)}` "
        "does not say their patches"
        if unknown
        else None,
    )
