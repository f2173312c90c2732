"""How a data set's threads fail, and how it moves into another process."""

from __future__ import annotations

import os
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from streaming import StreamingDataset
from streaming.base.constant import TICK
from streaming.base.dataset import _ShardState

from octomed.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

#: What belongs to the process that made it: threads and locks do not survive a fork.
_OF_A_PROCESS = ("_iterator", "_executor", "_event", "_failure", "_cache_filelock")


_AHEAD = 512


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
        try:
            return super().get_item(sample_id, retry)
        except (ValueError, KeyError, IndexError) as error:
            shard, row = self.spanner[sample_id]
            folder = self.streams[self.stream_per_shard[shard]].local
            path = f"{folder}/{self.shards[shard].file_pairs[0][0].basename}"
            message = f"row {row} of `{path}` is damaged: {error}"
            raise StorageError(message, "delete that file: it is fetched again") from error

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
