"""Raw shards are checked before the first pack of them is given out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from streaming.base.shared import SharedArray

from octomed.errors import StorageError
from octomed.stream.digests import Stamp, number_of, stamp_of
from octomed.stream.images import with_arrays
from octomed.stream.shared_memory import checked_name
from octomed.stream.upstream import MendedDataset

if TYPE_CHECKING:
    from streaming.base.shared import SharedMemory

_ATTEMPTS = 8


class CheckedDataset(MendedDataset):
    """A data set that reads a shard only after the whole of it was compared with its digest."""

    def get_item(self, sample_id: int, retry: int = 7) -> Any:  # noqa: ANN401 a row of any columns
        """Return a pack by its number in all streams.

        Raises
        ------
        StorageError
            When what the cache holds of it is no row.
        RecipeError
            When the data set was closed.
        """
        self.check_open()
        shard, row = self.spanner[sample_id]
        self._check(int(shard))
        try:
            return with_arrays(super().get_item(sample_id, retry))
        except (ValueError, KeyError, IndexError) as error:
            message = f"row {row} of `{self._path(int(shard))}` is damaged: {error}"
            raise StorageError(message, "delete that file: it is fetched again") from error

    def begin_checks(self, *, leader: bool) -> None:
        """Forget which raw shards are known to be whole: every start finds that out again.

        What one process of this machine has checked, the others of this data set need not check again. They
        share a number a shard, made of the checked file's inode, size and times.

        Parameters
        ----------
        leader
            Whether this is the first rank of the machine; the others wait for it behind this call.
        """
        self._checked = SharedArray(self.num_shards, np.uint64, checked_name(self.shared_memory_number))
        self._seen: dict[int, tuple[str, Stamp | None]] = {}
        if leader:
            self._checked.numpy()[:] = 0

    def _segments(self) -> list[SharedMemory]:
        return [*super()._segments(), self._checked.shm]

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
        message = f"`{path}` is damaged each time it is fetched"
        raise StorageError(message, "look at the disk of the cache, or choose another folder for it")

    def _fetch_again(self, shard: int, seen: Stamp | None) -> None:
        self.discard_shard(shard, lambda: bool(self._stream(shard).discard(self.shards[shard], seen)))
        self.prepare_shard(shard)

    def _stream(self, shard: int) -> Any:  # noqa: ANN401 a `CachedStream`, which no type of Streaming's says
        return self.streams[self.stream_per_shard[shard]]

    def _path(self, shard: int) -> str:
        path: str = self._stream(shard).raw_path(self.shards[shard])
        return path
