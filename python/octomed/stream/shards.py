"""A stream of a run, read through a cache of raw shards."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streaming import Stream
from streaming.base.compression import decompress
from streaming.base.hashing import get_hash

from octomed import _octomed
from octomed.errors import StorageError
from octomed.mds_index import INDEX, read_index
from octomed.names import shown
from octomed.run_file import RUN_FILE
from octomed.storage import make_folder, storage_error, temporary_name, write_atomically
from octomed.stream.digests import (
    Stamp,
    digest_in_index,
    digest_of,
    file_has,
    keep_digest,
    kept_digest,
    stamp_of,
)
from octomed.stream.run import empty_stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from streaming.base.format.base.reader import FileInfo, Reader
    from streaming.base.world import World

    from octomed.stream.run import Run

_LOG = logging.getLogger(__name__)


class CachedStream(Stream):
    """A stream whose shards are checked, unpacked, and kept in a cache folder.

    Files appear in the cache under their final name when they are whole, so several runs on one machine may
    share it; nothing is ever written next to the shards that were packed. Streaming sees a local folder: the
    shards come from the run's source, by our own attempts and with our own errors.

    Parameters
    ----------
    run
        The finished run.
    name
        Name of the stream.
    cache
        Folder of the run's cached streams.
    given
        Packs that an epoch has of it; each of them once by default.
    """

    def __init__(self, run: Run, name: str, cache: Path, *, given: int | None = None) -> None:
        super().__init__(local=str(cache / name), keep_zip=False, choose=given)
        self.run = run
        self.name = name

    def apply_default(self, default: dict[str, Any]) -> None:
        """Take the data set's defaults, save that packed shards never stay in the cache."""
        super().apply_default(default)
        self.safe_keep_zip = False

    def get_shards(self, world: World, allow_unsafe_types: bool) -> list[Reader]:
        """Return readers of the shards; the first rank of a machine brings the index.

        Raises
        ------
        RecipeError
            When the stream is empty.
        StorageError
            When its index is missing, damaged or of another run.
        """
        if world.is_local_leader:
            self._bring_index()
        shards: list[Reader] = super().get_shards(world, allow_unsafe_types)
        return shards

    def _bring_index(self) -> None:
        address = self.run.source.address(f"{self.name}/{INDEX}")
        try:
            data = self.run.source.read(f"{self.name}/{INDEX}", self._check_index)
        except FileNotFoundError as error:
            raise StorageError(f"`{address}` is missing", f"`{self.run.rebuild}` writes it again") from error
        self._clear_way()
        make_folder(Path(self.local))
        write_atomically(Path(self.local, INDEX), data, sync=False)

    def _check_index(self, data: bytes) -> None:
        address = self.run.source.address(f"{self.name}/{INDEX}")
        hint = f"`{self.run.rebuild}` writes it again"
        try:
            packs = sum(shard.samples for shard in read_index(data).shards)
        except ValueError as error:
            raise StorageError(f"`{address}` is damaged: {error}", hint) from error
        if not packs:
            raise empty_stream(self.name, self.run.location)
        expected = self.run.content.streams[self.name]
        if packs != expected.packs:
            message = f"`{address}` has {packs} packs, and `{RUN_FILE}` says {expected.packs}"
            raise StorageError(message, hint)
        if expected.index not in {None, _octomed.digest(data)}:
            raise StorageError(f"`{address}` is damaged: its digest is not that in `{RUN_FILE}`", hint)

    def _clear_way(self) -> None:
        """Remove links, through which nothing is written or deleted, and an index that is no file."""
        folder = Path(self.local)
        index = folder / INDEX
        try:
            for path in (folder.parent, folder):
                if path.is_symlink():
                    _LOG.warning("`%s` is a link in the cache: it is removed", shown(str(path)))
                    path.unlink()
            if os.path.lexists(index) and stamp_of(str(index)) is None:
                _LOG.warning("`%s` is damaged in the cache: it is fetched again", shown(str(index)))
                shutil.rmtree(index) if index.is_dir() and not index.is_symlink() else index.unlink()
        except OSError as error:
            raise storage_error("delete from the cache", folder, error) from error

    def set_up_local(self, shards: list[Reader], cache_usage_per_shard: NDArray[np.int64]) -> None:
        """Find the shards that are in the cache, and delete what is there and is not a shard."""
        for number, shard in enumerate(shards):
            raw, _ = shard.file_pairs[0]
            cached = self._has_right_size(raw)
            cache_usage_per_shard[number] = raw.bytes if cached else 0
            path = self.raw_path(shard)
            if not cached and os.path.lexists(path):
                _LOG.warning("`%s` is damaged in the cache: it is fetched again", shown(path))
                self._remove(path)

    def raw_path(self, shard: Reader) -> str:
        """Return where a raw shard is in the cache."""
        return str(Path(self.local, shard.file_pairs[0][0].basename))

    def is_whole(self, shard: Reader) -> bool:
        """Tell whether the raw shard in the cache has the bytes that were packed.

        All of it is read.
        """
        raw, _ = shard.file_pairs[0]
        path = self.raw_path(shard)
        expected = digest_in_index(raw.hashes) or kept_digest(path)
        try:
            return self._has_right_size(raw) and expected is not None and file_has(path, expected)
        except OSError:
            return False

    def discard(self, shard: Reader, seen: Stamp | None) -> bool:
        """Delete a raw shard that is not whole, unless another process has put a new one there.

        Parameters
        ----------
        shard
            The shard.
        seen
            The stamp of the file that was found not to be whole; ``None`` for what is no regular file.
        """
        path = self.raw_path(shard)
        if stamp_of(path) != seen:
            return False
        if os.path.lexists(path):
            _LOG.warning("`%s` is damaged in the cache: it is fetched again", shown(path))
            self._remove(path)
        return True

    @staticmethod
    def _remove(path: str) -> None:
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error("delete from the cache", path, error) from error

    def _has_right_size(self, raw: FileInfo) -> bool:
        """Tell whether a file of the right size exists; a link does not count, wherever it leads."""
        stamp = stamp_of(str(Path(self.local, raw.basename)))
        return stamp is not None and stamp[1] == raw.bytes

    def prepare_shard(self, shard: Reader) -> int:
        """Bring a shard into the cache, and return by how many bytes that grew.

        Raises
        ------
        StorageError
            When the shard is missing, damaged, or out of reach.
        """
        raw, packed = shard.file_pairs[0]
        if self._has_right_size(raw):
            return 0
        path = self.raw_path(shard)
        name = f"{self.name}/{(packed or raw).basename}"
        part = Path(self.local, temporary_name(raw.basename))
        try:
            checked: list[bytes] = []
            self.run.source.fetch(
                name, part, lambda path: checked.append(self._checked(path, name, packed or raw))
            )
            data = checked[-1]
            if packed is not None:
                part.unlink()
                data = self._unpack(data, name, raw, shard.compression, part)
            self._keep_digest(path, data, name, raw)
            self._place(part, path)
        except FileNotFoundError as error:
            message = f"shard `{self.run.source.address(name)}` is missing"
            hint = f"run `{self.run.rebuild}`: only what is missing is written again"
            raise StorageError(message, hint) from error
        finally:
            part.unlink(missing_ok=True)
        return int(raw.bytes)

    def _checked(self, part: Path, name: str, info: FileInfo) -> bytes:
        data = part.read_bytes()
        if len(data) != info.bytes:
            raise self._damaged(name, f"it has {len(data)} bytes, not {info.bytes}")
        for algorithm, expected in info.hashes.items():
            if get_hash(algorithm, data) != expected:
                raise self._damaged(name, f"its {algorithm} is not {expected}")
        return data

    def _keep_digest(self, path: str, data: bytes, name: str, raw: FileInfo) -> None:
        """Keep the digest of a raw shard that the index has none of; refuse one that is not as it was."""
        if digest_in_index(raw.hashes) is not None:
            return
        found, before = digest_of(data), kept_digest(path)
        if before is not None and before != found:
            raise self._damaged(name, "it is not what was fetched before, and the run has no hashes")
        keep_digest(path, found)

    @staticmethod
    def _place(part: Path, path: str) -> None:
        try:
            part.replace(path)
        except OSError as error:
            raise storage_error("write", path, error) from error

    def _unpack(self, data: bytes, name: str, raw: FileInfo, compression: str | None, target: Path) -> bytes:
        try:
            unpacked = decompress(compression, data)
        except Exception as error:
            raise self._damaged(name, f"{error}") from error
        if len(unpacked) != raw.bytes:
            raise self._damaged(name, f"it unpacks to {len(unpacked)} bytes, not {raw.bytes}")
        for algorithm, expected in raw.hashes.items():
            if get_hash(algorithm, unpacked) != expected:
                raise self._damaged(name, f"the {algorithm} of what it unpacks to is not {expected}")
        write_atomically(target, unpacked, sync=False)
        return bytes(unpacked)

    def _damaged(self, name: str, what: str) -> StorageError:
        address = self.run.source.address(name)
        hint = f"delete it and run `{self.run.rebuild}`: only what is missing is written again"
        return StorageError(f"shard `{address}` is damaged: {what}", hint)
