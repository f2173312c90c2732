"""A finished run as a data set that streams, shuffles and resumes."""

from __future__ import annotations

import contextlib
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streaming.base.distributed import barrier, maybe_init_dist
from streaming.base.world import World as Ranks
from torch import distributed

from octomed.errors import RecipeError
from octomed.names import printable, shown
from octomed.stream.balance import OFF, balance_of, balanced, checked_method
from octomed.stream.batching import (
    check_left_out,
    check_method,
    check_world,
    count_epoch,
    default_canonical_nodes,
    ranks_batch,
    smallest_part,
)
from octomed.stream.cache_folder import default_cache
from octomed.stream.checked import CheckedDataset
from octomed.stream.counts import EpochCounts, World
from octomed.stream.images import check_model
from octomed.stream.mixing import mix, open_runs
from octomed.stream.placed import Place, PlacedPack
from octomed.stream.run import VALIDATION
from octomed.stream.shards import CachedStream
from octomed.stream.shared_memory import hold, release, remove_stale

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from octomed.stream.costs import Costs
    from octomed.stream.mixing import Location, Mix
    from octomed.stream.run import Run


class PackedDataset(CheckedDataset):
    """The packs of a finished run, in an order that depends on the seed alone.

    A mosaicml-streaming ``StreamingDataset``: it shards itself over ranks (``RANK``, ``WORLD_SIZE``,
    ``LOCAL_RANK``, ``LOCAL_WORLD_SIZE``) and loader workers, and resumes in the middle of an epoch. Global
    batches are the same for every number of ranks that divides ``num_canonical_nodes`` and for every number
    of workers, as long as the global batch has the same size. To make all canonical nodes equally large,
    and to give all ranks as much, Streaming repeats a few packs an epoch (and stream, with ``per_stream``);
    `counts` says how many.

    Parameters
    ----------
    location
        The output of ``octomed pack``: a folder, or ``s3://``, ``gs://``, ``az://account/container/path``,
        ``hf://datasets/owner/name[@revision]/path``.
        Or a list of several, packed for the same model.
    shares
        Of each of several runs in an epoch; they add up to 1. An epoch has as many packs as the runs
        together, so packs of one run are given more than once, and some of another's not at all. Without,
        every pack of each run once.
    batch_size
        Packs that one rank takes a batch; the same as the loader's.
    global_batch_size
        Packs that all ranks together take a batch, instead of ``batch_size``.
    streams
        Names of the streams to read; all of the split by default.
    split
        ``train``, or ``validation`` for the stream of that name.
    shuffle
        By default training is shuffled, validation is not.
    shuffle_seed
        Decides the order.
    batching_method
        ``random``; ``per_stream`` for global batches of one stream each, which leaves out what does not fill
        the last batch of each stream; ``stratified`` for streams of equal size.
    num_canonical_nodes
        Parts into which an epoch is cut; 24 by default, or the largest divisor of it that repeats 1 % of the
        packs at most, and the number of machines for validation, where as little as possible is repeated.
    balance
        ``auto``: share the packs of a step out over the ranks of a machine by what they cost, in training.
        The traces of a step are the same. ``off``: as Streaming has them.
    costs
        What a step spends on tokens, documents and images; those of a 7B model by default.
    cache
        Folder for raw shards; ``$OCTOMED_CACHE`` or ``~/.cache/octomed/streams`` by default. It may be
        shared by runs, and deleted when none is reading.
    cache_limit
        Bytes, or text as ``100gb``; the shards that were used longest ago go first.
    predownload
        Packs that a worker fetches ahead.
    download_retry
        How often a file of an object store is asked for, with doubling pauses from one second.
    download_timeout
        Seconds that one answer may take.
    quiet
        Print no line about the epoch.

    Attributes
    ----------
    run : Run
        What the run holds; the first of several.
    runs : tuple of Run
        All of them. Samples say the number of theirs, ``run``, if there are several.
    vision : dict or None
        How its images are prepared, for `Collator`; ``None`` for a run of text.
    counts : EpochCounts
        Packs of an epoch, and how many are repeated or left out.

    Raises
    ------
    octomed.errors.RecipeError
        When there is no such run or stream, or the batches cannot be made.
    octomed.errors.StorageError
        When a shard is missing, damaged or out of reach; while iterating, too.

    Examples
    --------
    >>> from octomed import pack
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> _ = pack(recipe)
    >>> with PackedDataset(folder / "run", batch_size=1, cache=folder / "cache", quiet=True) as dataset:
    ...     pack = next(iter(dataset))
    >>> pack["input_ids"].shape, pack["loss_spans"].shape  # [tokens], [spans, 2]
    ((39,), (1, 2))
    """

    def __init__(  # noqa: PLR0913 keyword-only settings
        self,
        location: Location,
        *,
        shares: Sequence[float] | None = None,
        batch_size: int | None = None,
        global_batch_size: int | None = None,
        streams: Sequence[str] | None = None,
        split: str = "train",
        shuffle: bool | None = None,
        shuffle_seed: int = 9176,
        batching_method: str = "random",
        num_canonical_nodes: int | None = None,
        balance: str = "auto",
        costs: Costs | None = None,
        cache: str | os.PathLike[str] | None = None,
        cache_limit: int | str | None = None,
        predownload: int | None = None,
        download_retry: int = 5,
        download_timeout: float = 60.0,
        quiet: bool = False,
    ) -> None:
        ranks = Ranks.detect()
        world = World(ranks.num_nodes, ranks.ranks_per_node)
        batch = ranks_batch(batch_size, global_batch_size, world.ranks)
        self.runs = open_runs(location, attempts=download_retry, timeout=download_timeout)
        self.run = self.runs[0]
        self.mix = mix(self.runs, shares, streams, split)
        training = split != VALIDATION
        self._fixed = num_canonical_nodes is not None
        canonical = num_canonical_nodes or default_canonical_nodes(
            self.mix, batching_method, world, training=training
        )
        check_world(canonical, smallest_part(self.mix, batching_method), world)
        check_method(batching_method, self.mix, canonical, batch * world.ranks, world)
        folders = [_outside(Path(cache or default_cache()), run) / run.key for run in self.runs]
        self.patience = max([self.patience, *(run.source.longest for run in self.runs if run.source.remote)])
        method = checked_method(balance)
        if not training or not ranks.is_local_leader:  # the first rank of a machine makes the order
            method = OFF
        self._balance = balance_of(self.mix, folders, method, costs, batch, world)
        with _process_group():
            if ranks.is_local_leader:
                remove_stale()
            barrier()
            super().__init__(
                streams=_cached_streams(self.mix, folders),
                download_timeout=download_timeout,
                predownload=predownload,
                cache_limit=cache_limit,
                num_canonical_nodes=canonical,
                batch_size=batch,
                shuffle=training if shuffle is None else shuffle,
                shuffle_seed=shuffle_seed,
                batching_method=batching_method,
            )
            hold(self.shared_memory_number)
            self._release = weakref.finalize(self, release, self.shared_memory_number)
            self.begin_checks(leader=ranks.is_local_leader)
            barrier()
        self.counts = self.count_epoch(0)
        check_left_out(self.counts, batching_method, self.mix)
        if ranks.is_leader and not quiet:
            self._print(canonical, world)

    def close(self) -> None:
        """End the threads and give the shared memory back; nothing can be read after that.

        The same happens when the data set is garbage; loaders of it have to be gone.
        """
        super().close()
        self._release()

    def __enter__(self) -> Self:
        """Return the data set itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __len__(self) -> int:
        """Return the packs that this rank is given an epoch, with the repeats: trainers count steps by it."""
        return self.counts.slots // self.rank_world.num_ranks

    @property
    def vision(self) -> dict[str, Any] | None:
        """How the images of the runs are prepared; ``None`` for text alone."""
        return next((run.vision for run in self.runs if run.vision is not None), None)

    def check_model(self, configuration: Any) -> None:  # noqa: ANN401 of transformers
        """Refuse a model that does not take the run's images as they were prepared.

        Parameters
        ----------
        configuration
            The model's, of transformers.

        Raises
        ------
        octomed.errors.DataError
            When the model has no vision tower, or one of another family.
        """
        check_model(self.vision, configuration, shown(self.run.location))

    def count_epoch(self, epoch: int) -> EpochCounts:
        """Count the packs of an epoch, over all ranks: those it repeats, and those it leaves out."""
        return count_epoch(self, epoch, self.rank_world)

    def arranged(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Share the packs of each step out over ranks by what they cost."""
        return order if self._balance.costs is None else balanced(order, self._balance.costs)

    def get_item(self, sample_id: int, retry: int = 7) -> Any:  # noqa: ANN401 a row of any columns
        """Return a pack by its number in all streams, and the number of its run if there are several."""
        row = super().get_item(sample_id, retry)
        pictured = bool(row.get("images"))
        if len(self.runs) == 1 and not pictured:
            return row
        shard, place = (int(number) for number in self.spanner[sample_id])
        part = self.mix.parts[int(self.stream_per_shard[shard])]
        if len(self.runs) > 1:
            row |= {"run": part.run}
        if not pictured:
            return row
        run = self.runs[part.run]
        stored: Any = self.shards[shard]
        name = f"{part.name}/{(stored.zip_data or stored.raw_data).basename}"
        return PlacedPack(row, Place(run.source.address(name), place, run.rebuild))

    def load_state_dict(self, obj: dict[str, Any]) -> None:
        """Go on in the order of a checkpoint, which has its own ``num_canonical_nodes``.

        Raises
        ------
        octomed.errors.RecipeError
            When another number was asked for.
        """
        begun, mine = obj.get("num_canonical_nodes"), self.num_canonical_nodes
        if begun is not None and begun != mine:
            if self._fixed:
                message = f"the checkpoint's order has {begun} canonical nodes, and not {mine}"
                raise RecipeError(message, f"set `num_canonical_nodes` to {begun}")
            self.num_canonical_nodes = begun
            self.counts = self.count_epoch(0)
        super().load_state_dict(obj)

    def _print(self, canonical: int, world: World) -> None:
        lines = [f"{self.mix}: {len(self.mix.parts)} streams, {self.counts}", *self.mix.lines()]
        if canonical % world.ranks:
            lines.append(
                f"note: {world.ranks} ranks do not divide num_canonical_nodes, {canonical}: "
                "another number of ranks will see other batches"
            )
        lines += self._balance.lines(lambda: self.order_of(0, self.rank_world))
        print(printable("\n".join(lines)), file=sys.stderr)  # noqa: T201


def _cached_streams(mixed: Mix, folders: Sequence[Path]) -> list[CachedStream]:
    """Return the streams of a mix, each with the packs that an epoch has of it."""
    return [
        CachedStream(
            mixed.runs[part.run],
            part.name,
            folders[part.run],
            given=None if mixed.shares is None else part.given,
        )
        for part in mixed.parts
    ]


def _outside(cache: Path, run: Run) -> Path:
    """Return a cache folder, unless it is in the run's own: a finished run stays as it was packed."""
    if not run.source.remote and Path(run.location).resolve() in (cache.resolve(), *cache.resolve().parents):
        message = f"the cache folder `{cache}` is inside the run `{run.location}`"
        raise RecipeError(message, "choose a folder elsewhere: nothing is written into a finished run")
    return cache


@contextlib.contextmanager
def _process_group() -> Iterator[None]:
    """Hold a process group while a data set is made: Streaming would make and unmake one more often."""
    ours = maybe_init_dist()
    try:
        yield
    finally:
        if ours:
            distributed.destroy_process_group()
