"""How a data set's threads fail, and how it moves into another process."""

from __future__ import annotations

import os
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from streaming import StreamingDataset
from streaming.base.constant import TICK
from streaming.base.dataset import _ShardState
from streaming.base.shared import SharedArray

from octomed.errors import StorageError
from octomed.stream.digests import Stamp, number_of, stamp_of
from octomed.stream.shared_memory import checked_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

#: What belongs to the process that made it: threads and locks do not survive a fork.
_OF_A_PROCESS = ("_iterator", "_executor", "_event", "_failure", "_cache_filelock")


_AHEAD = 512
_ATTEMPTS = 8


class FailingDataset(StreamingDataset):
    """A `StreamingDataset` whose end of an epoch is the end, and whose failures are told.

    Streaming 0.13 ends an epoch early and without a word when its background thread cannot bring a shard,
    leaves the other workers waiting for that shard for ever, and cannot be forked once it was iterated.

    Attributes
    ----------
    patience
        Seconds after which a shard that another process fetches is fetched once more: that one may have died.
    """

    patience: float = 10.0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over this worker's packs.

        Raises
        ------
        OctomedError
            When a shard is missing, damaged, or out of reach.
        """
        self._settle()
        if self._failure is not None:
            raise self._failure
        try:
            yield from super().__iter__()
        except Exception as error:  # noqa: BLE001 whatever it is, the cause is ours
            raise self._failure or error from None
        if self._failure is not None:
            raise self._failure

    def get_item(self, sample_id: int, retry: int = 7) -> Any:  # noqa: ANN401 a row of any columns
        """Return a pack by its number in all streams.

        Raises
        ------
        StorageError
            When what the cache holds of it is no row.
        """
        shard, row = self.spanner[sample_id]
        self._check(int(shard))
        try:
            return super().get_item(sample_id, retry)
        except (ValueError, KeyError, IndexError) as error:
            message = f"row {row} of `{self._path(int(shard))}` is damaged: {error}"
            raise StorageError(message, "delete that file: it is fetched again") from error

    def begin_checks(self, *, leader: bool) -> None:
        """Forget which raw shards are known to be whole: every start finds that out anew.

        What one process of this machine has checked, the others of this data set need not check again. They
        share a number a shard, made of the checked file's inode, size and times.

        Parameters
        ----------
        leader
            Whether this is the first rank of the machine; the others wait for it behind this call.
        """
        self._checked = SharedArray(self.num_shards, np.uint64, checked_name(self._shm_prefix_int))
        self._seen: dict[int, tuple[str, Stamp | None]] = {}
        if leader:
            self._checked.numpy()[:] = 0

    def _check(self, shard: int) -> None:
        """Have a whole raw shard in the cache: one that is damaged is fetched again.

        Raises
        ------
        StorageError
            When what is fetched is damaged, too.
        """
        path, seen = self._seen.get(shard) or (self._path(shard), None)
        if seen is not None and stamp_of(path) == seen:
            return
        for _ in range(_ATTEMPTS):
            stamp = stamp_of(path)
            if stamp is not None and (
                self._checked[shard] == number_of(stamp) or self._stream(shard).is_whole(self.shards[shard])
            ):
                self._checked[shard] = number_of(stamp)
                self._seen[shard] = path, stamp
                return
            self._fetch_again(shard, stamp)
        if stamp_of(path) is None:
            return  # others need the room of a small cache, and Streaming says so
        message = f"`{path}` is damaged again and again"
        raise StorageError(message, "look at the disk of the cache, or choose another folder for it")

    def _fetch_again(self, shard: int, seen: Stamp | None) -> None:
        if self._shard_states[shard] == _ShardState.LOCAL:
            if not hasattr(self, "_cache_filelock"):
                self._cache_filelock = FileLock(self._cache_filelock_path)
            with self._cache_filelock:
                local = self._shard_states[shard] == _ShardState.LOCAL
                if local and self._stream(shard).discard(self.shards[shard], seen):
                    self._shard_states[shard] = _ShardState.REMOTE
                    self.cache_usage -= self.shards[shard].file_pairs[0][0].bytes
        self.prepare_shard(shard)

    def _stream(self, shard: int) -> Any:  # noqa: ANN401 a `CachedStream`, which no type of Streaming's says
        return self.streams[self.stream_per_shard[shard]]

    def _path(self, shard: int) -> str:
        path: str = self._stream(shard).raw_path(self.shards[shard])
        return path

    def _settle(self) -> None:
        """Leave behind what another process began."""
        if getattr(self, "_process", None) != os.getpid():
            for name in _OF_A_PROCESS:
                self.__dict__.pop(name, None)
            self._shared_barrier.__dict__.pop("lock", None)
            self._process = os.getpid()
            self._failure: BaseException | None = None

    def on_exception(self, future: Future[None]) -> None:
        """Keep a background thread's error for the one who iterates."""
        error = future.exception()
        if error is not None:
            self._failure = self._failure or error
            self._event.set()

    def prepare_shard(self, shard_id: int, blocking: bool = True) -> None:
        """Bring a shard into the cache; when that fails, others may try."""
        if not blocking and self._shard_states[shard_id] == _ShardState.LOCAL:
            return  # were it gone, whoever reads a pack of it would bring it again
        try:
            super().prepare_shard(shard_id, blocking)
        except BaseException:
            self._shard_states[shard_id] = _ShardState.REMOTE
            raise

    def _prepare_thread(self, it: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Fetch shards ahead; say so when that fails, because the end of an epoch waits for its threads."""
        try:
            super()._prepare_thread(it)
        except BaseException:
            it.on_exit()
            raise

    def _ready_thread(self, it: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Follow the shards that stand, sample by sample."""
        try:
            self._follow(it)
        finally:
            it.on_exit()

    def _follow(self, it: Any) -> None:  # noqa: ANN401 Streaming's iterator
        """Step over the samples whose shards stand.

        It may run further ahead than shards are fetched: a reader that has caught up sleeps for a tick, in
        which it could read hundreds of packs.
        """
        waiting_since = monotonic()
        while not it.should_exit() and not self._event.is_set() and it.ready_index < it.total:
            sample = it.sample_ids[it.ready_index]
            ahead = it.ready_index - it.yield_index
            shard = -1 if sample == -1 else int(self.spanner[sample][0])
            state = _ShardState.LOCAL if shard == -1 else self._shard_states[shard]
            if state != _ShardState.PREPARING:
                waiting_since = monotonic()
            if state == _ShardState.LOCAL and ahead < max(_AHEAD, self.predownload or 0):
                it.ready_index += 1
            elif state == _ShardState.REMOTE and ahead <= (self.predownload or ahead):
                self.prepare_shard(shard, blocking=False)
            elif monotonic() - waiting_since > self.patience:
                self._shard_states[shard] = _ShardState.REMOTE  # whoever was at it has died
            else:
                sleep(TICK)
