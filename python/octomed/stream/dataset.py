"""A finished run as a data set that streams, shuffles and resumes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from streaming.base.world import World as Ranks

from octomed.errors import RecipeError
from octomed.stream.counts import EpochCounts, World, slots_of
from octomed.stream.run import VALIDATION, open_run
from octomed.stream.shards import CachedStream
from octomed.stream.worker import FailingDataset

if TYPE_CHECKING:
    from collections.abc import Sequence

CANONICAL_NODES = 24
"""Every usual number of ranks divides it: batches are then the same for all of them."""


def default_cache() -> Path:
    """Return the folder of cached shards: ``$OCTOMED_CACHE``, or one in the user's cache."""
    chosen = os.environ.get("OCTOMED_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "octomed", "streams")


def canonical_nodes_for(packs: int) -> int:
    """Return the default of ``num_canonical_nodes``: 24, or its largest divisor that fewer packs fill."""
    return max(
        number
        for number in range(1, CANONICAL_NODES + 1)
        if CANONICAL_NODES % number == 0 and number <= packs
    )


class PackedDataset(FailingDataset):
    """The packs of a finished run, in an order that depends on the seed alone.

    The order is the same for every number of ranks that divides ``num_canonical_nodes`` and for every
    number of workers: global batches are identical as long as the global batch has the same size.
    """

    def __init__(  # noqa: PLR0913 keyword-only settings
        self,
        location: str | os.PathLike[str],
        *,
        batch_size: int,
        streams: Sequence[str] | None = None,
        split: str = "train",
        shuffle: bool | None = None,
        shuffle_seed: int = 9176,
        batching_method: str = "random",
        num_canonical_nodes: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        cache_limit: int | str | None = None,
        predownload: int | None = None,
        download_retry: int = 5,
        download_timeout: float = 60.0,
        quiet: bool = False,
    ) -> None:
        run = open_run(location, attempts=download_retry, timeout=download_timeout)
        names = run.choose(streams, split)
        folder = Path(cache or default_cache(), run.key)
        ranks = Ranks.detect()
        training = split != VALIDATION
        packs = sum(run.streams[name]["packs"] for name in names)
        canonical = num_canonical_nodes or canonical_nodes_for(packs if training else ranks.num_nodes)
        if packs < canonical:
            message = f"{packs} packs are fewer than `num_canonical_nodes`, {canonical}"
            raise RecipeError(message, "leave `num_canonical_nodes` out: the default fits")
        if batch_size < 1:
            raise RecipeError(f"a batch of {batch_size} packs is none", "`batch_size` counts packs a rank")
        self.run = run
        super().__init__(
            streams=[CachedStream(run, name, folder) for name in names],
            download_timeout=download_timeout,
            predownload=predownload,
            cache_limit=cache_limit,
            num_canonical_nodes=canonical,
            batch_size=batch_size,
            shuffle=training if shuffle is None else shuffle,
            shuffle_seed=shuffle_seed,
            batching_method=batching_method,
        )
        world = World(ranks.num_nodes, ranks.ranks_per_node)
        slots = slots_of(self.num_samples, canonical, world)
        self.counts = EpochCounts(self.num_samples, slots, slots - self.num_samples, 0)
        if not quiet and ranks.is_leader:
            print(f"{run.location}: {len(names)} streams, {self.counts}", file=sys.stderr)  # noqa: T201
