"""All that is changed in packages of others, or used of their inside, in one place.

Each change says what is wrong upstream and in which version, and has a test, in
`tests/stream/test_upstream.py`, that fails when upstream has fixed it: then the change goes. `versions.py`
keeps other versions out.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import weakref
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.stream.versions import check_installed

check_installed("mosaicml-streaming")

from filelock import FileLock  # noqa: E402 the names below may not be there in another version
from streaming import StreamingDataset  # noqa: E402
from streaming.base import dataset  # noqa: E402
from streaming.base.batching import generate_work, per_stream, random  # noqa: E402
from streaming.base.constant import TICK  # noqa: E402
from streaming.base.dataset import _ShardState as ShardState  # noqa: E402
from streaming.base.partition import algos  # noqa: E402
from streaming.base.shared import SharedMemory  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray
    from streaming.base.world import World

#: What belongs to the process that made it: threads and locks do not survive a fork.
_OF_A_PROCESS = ("_iterator", "_executor", "_event", "_failure", "_cache_filelock")

_AHEAD = 512


class MendedDataset(StreamingDataset):
    """A `StreamingDataset` whose failures are raised, that may be forked after use, and that can be closed.

    Streaming 0.13 ends an epoch early and silently when its background thread cannot bring a shard,
    leaves the other workers waiting for that shard for ever, and cannot be forked once it was iterated. An
    iteration that is broken off leaves its threads running, and they the data set, until the process ends.

    Attributes
    ----------
    patience
        Seconds after which a shard that another process fetches is fetched once more: that one may have died.
    """

    patience: float = 10.0
    closed: bool = False
    _failure: BaseException | None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over this worker's packs.

        Raises
        ------
        OctomedError
            When a shard is missing, damaged, or out of reach, or the data set was closed.
        """
        self.check_open()
        self._settle()
        if self._failure is not None:
            raise self._failure
        mine = None
        try:
            for pack in super().__iter__():
                mine = mine or self._iterator
                yield pack
        except Exception as error:  # noqa: BLE001 whatever it is, the cause is ours
            raise self._failure or error from None
        finally:
            self._end_threads(mine)  # not those of an iteration that began since
        if self._failure is not None:
            raise self._failure

    def on_exception(self, future: Future[None]) -> None:
        """Keep a background thread's error for the one who iterates.

        Streaming 0.13 raises it where nobody catches it, and ends the epoch there.
        """
        error = future.exception()
        if error is not None:
            self._failure = self._failure or error
            self._event.set()

    def prepare_shard(self, shard_id: int, blocking: bool = True) -> None:
        """Bring a shard into the cache; when that fails, others may try.

        Streaming 0.13 leaves a shard that failed marked as one that is being prepared.
        """
        if not blocking and self._shard_states[shard_id] == ShardState.LOCAL:
            return  # were it gone, whoever reads a pack of it would bring it again
        try:
            super().prepare_shard(shard_id, blocking)
        except BaseException:
            self._shard_states[shard_id] = ShardState.REMOTE
            raise

    def discard_shard(self, shard_id: int, discard: Callable[[], bool]) -> None:
        """Have a shard that is in the cache deleted there, and fetched again when it is asked for.

        Parameters
        ----------
        shard_id
            Its number.
        discard
            Deletes it, and returns whether it did. Others neither fetch nor evict meanwhile.
        """
        if self._shard_states[shard_id] != ShardState.LOCAL:
            return
        if not hasattr(self, "_cache_filelock"):
            self._cache_filelock = FileLock(self._cache_filelock_path)
        with self._cache_filelock:
            if self._shard_states[shard_id] == ShardState.LOCAL and discard():
                self._shard_states[shard_id] = ShardState.REMOTE
                self.cache_usage -= self.shards[shard_id].file_pairs[0][0].bytes

    def order_of(self, epoch: int, ranks: World) -> NDArray[np.int64]:
        """Return the samples of an epoch in the order that Streaming makes of them; -1 is none."""
        self._set_shuffle_block_size(ranks)  # as Streaming does before it makes an order
        order: NDArray[np.int64] = generate_work(self.batching_method, self, ranks, epoch, 0)
        return order

    def arranged(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the samples of an epoch, or of its rest, in the order in which they are given out.

        Parameters
        ----------
        order
            As Streaming made it: [machines, ranks of each, workers, batches of each worker, samples].
        """
        return order

    @property
    def shared_memory_number(self) -> int:
        """The number that the names of this data set's shared memory begin with."""
        return int(self._shm_prefix_int)

    @property
    def rank_world(self) -> World:
        """The machines and ranks that share the samples."""
        return self._parallel_rank_world

    def close(self) -> None:
        """End the threads and give the shared memory back; nothing can be read after that.

        Streaming 0.13 keeps both until the process ends. Loaders of the data set have to be gone.
        """
        self.closed = True
        self._end_threads(getattr(self, "_iterator", None))
        if getattr(self, "_process", None) == os.getpid() and hasattr(self, "_executor"):
            self._executor.shutdown(wait=True)
        for segment in self._segments():
            close_segment(segment)

    def check_open(self) -> None:
        """Refuse to read a data set that was closed.

        Raises
        ------
        RecipeError
            When it was.
        """
        if self.closed:
            raise RecipeError("this data set was closed", "open it again to read on")

    def _segments(self) -> list[SharedMemory]:
        """Return this data set's shared memory."""
        arrays = [
            self._shared_barrier._arr,  # noqa: SLF001 Streaming's
            self._next_epoch.arr,
            self._cache_usage.arr,
            self._shard_states,
            self._shard_access_times,
        ]
        resumed = [self._resume_shm] if hasattr(self, "_resume_shm") else []
        return [self._locals_shm, *(array.shm for array in arrays), *resumed]

    def _settle(self) -> None:
        """Leave behind what another process began."""
        if getattr(self, "_process", None) != os.getpid():
            for name in _OF_A_PROCESS:
                self.__dict__.pop(name, None)
            self._shared_barrier.__dict__.pop("lock", None)
            self._process = os.getpid()
            self._failure = None

    def _end_threads(self, iteration: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Tell the threads of an iteration to end; those of another process did not come along."""
        if iteration is not None and getattr(self, "_process", None) == os.getpid():
            iteration.non_blocking_exit()

    def _prepare_thread(self, it: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Fetch shards ahead; say so when that fails, because the end of an epoch waits for its threads.

        Streaming 0.13 counts a thread that failed as one that runs.
        """
        try:
            super()._prepare_thread(it)
        except BaseException:
            it.on_exit()
            raise

    def _ready_thread(self, it: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Follow the shards that are there, sample by sample.

        Streaming 0.13 waits for ever for a shard whose worker has died, and hands out the samples of one that
        failed.
        """
        try:
            self._follow(it)
        finally:
            it.on_exit()

    def _follow(self, it: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Step over the samples whose shards are there.

        It may run further ahead than shards are fetched: a reader that has caught up sleeps for a tick, in
        which it could read hundreds of packs.
        """
        waiting_since = monotonic()
        while not it.should_exit() and not self._event.is_set() and it.ready_index < it.total:
            sample = it.sample_ids[it.ready_index]
            ahead = it.ready_index - it.yield_index
            shard = -1 if sample == -1 else int(self.spanner[sample][0])
            state = ShardState.LOCAL if shard == -1 else self._shard_states[shard]
            if state != ShardState.PREPARING:
                waiting_since = monotonic()
            if state == ShardState.LOCAL and ahead < max(_AHEAD, self.predownload or 0):
                it.ready_index += 1
            elif state == ShardState.REMOTE and ahead <= (self.predownload or ahead):
                self.prepare_shard(shard, blocking=False)
            elif monotonic() - waiting_since > self.patience:
                self._shard_states[shard] = ShardState.REMOTE  # whoever was at it has died
            else:
                sleep(TICK)


def _patch_streaming() -> None:
    """Change what no subclass reaches."""
    methods: tuple[Any, ...] = (random, per_stream)
    for method in methods:
        method.get_partitions = _partitions
    reader: Any = dataset
    reader.generate_work = _work
    patched: Any = SharedMemory
    patched.__init__ = _begin_segment


def _work(method: str, samples: StreamingDataset, ranks: World, epoch: int, begin: int) -> NDArray[np.int64]:
    """Let a data set arrange the samples of each step: Streaming 0.13 asks nobody."""
    order: NDArray[np.int64] = generate_work(method, samples, ranks, epoch, begin)
    return samples.arranged(order) if isinstance(samples, MendedDataset) else order


def _partitions(algorithm: str, *given: Any, **named: Any) -> NDArray[np.int64]:  # noqa: ANN401 those of Streaming
    """Let Streaming resume among the packs that it repeats at an epoch's end.

    The check of Streaming 0.13 takes a position there for one beyond the data; the partition knows better.
    """
    partitions: NDArray[np.int64] = algos[algorithm](*given, **named)
    return partitions


_begin_segment_upstream = SharedMemory.__init__
_closings: weakref.WeakKeyDictionary[SharedMemory, weakref.finalize[Any, Any]] = weakref.WeakKeyDictionary()


def _begin_segment(
    self: SharedMemory,
    name: str | None = None,
    create: bool | None = None,
    size: int = 0,
    auto_cleanup: bool = True,
) -> None:
    """Make or open shared memory, which is given back when nobody uses it.

    Streaming 0.13 has the list of what is done at the end of the process keep it: that of data sets that are
    gone, and what is opened to see which numbers are free. A process that opens hundreds of data sets runs
    out of descriptors.
    """
    _begin_segment_upstream(self, name, create, size, auto_cleanup=False)
    if auto_cleanup:
        _closings[self] = weakref.finalize(self, _close, self.created_shms, self.opened_shms, os.getpid())


def close_segment(segment: SharedMemory) -> None:
    """Give shared memory back, and its name where this process made it."""
    closing = _closings.get(segment)
    if closing is not None:
        closing()


def _close(created: list[Any], opened: list[Any], process: int) -> None:
    for memory in (*created, *opened):
        with contextlib.suppress(BufferError):  # an array of it is still there
            memory.close()
    for memory in created if process == os.getpid() else ():  # a fork only leaves its parent's memory
        with contextlib.suppress(FileNotFoundError):
            memory.unlink()


def give_wandb_runs_their_url() -> None:
    """Give Weights & Biases' runs back the method that Composer 0.32 calls.

    W&B 0.31 has the property alone.
    """
    with contextlib.suppress(ImportError):
        run = importlib.import_module("wandb").sdk.wandb_run.Run
        if not hasattr(run, "get_url"):
            run.get_url = lambda self: self.url


_patch_streaming()  # when this is imported: a loader's worker that is spawned makes no data set
