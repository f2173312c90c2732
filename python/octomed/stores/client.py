"""A folder of a store as `octomed.store.Store`: requests are made again where that helps, answers checked."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import obstore

from octomed.errors import StorageError
from octomed.names import shown
from octomed.plain_names import fault_of
from octomed.storage import LOCK_NAME
from octomed.store import missing
from octomed.stores.address import Address
from octomed.stores.attempts import Failed
from octomed.stores.buckets import bucket_of
from octomed.stores.faults import BadAnswer, Refused, fault_of_kind, refuse_page
from octomed.stores.lease import hold
from octomed.stores.objects import ChangedObject, StoredObject
from octomed.stores.options import scratch_folder
from octomed.stores.uploading import upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from obstore import GetOptions, ObjectMeta

    from octomed.stores.bucket import Bucket
    from octomed.stores.lease import Lease

__all__ = ["ObjectStore", "open_store"]


class ObjectStore:
    """The objects below an address, by names relative to it.

    It pickles as its address. What its methods raise besides: `StorageError` where the store refuses or fails
    in every attempt, or a name is not plain; the message has address, reason and a hint, and no secret.

    Parameters
    ----------
    address
        Whose names these are.
    """

    def __init__(self, address: Address) -> None:
        self.address = address

    def __repr__(self) -> str:
        return f"open_store({str(self.address)!r})"

    def __reduce__(self) -> tuple[Callable[[str], ObjectStore], tuple[str]]:
        """Pickle as the address: connections and credentials belong to a process."""
        return open_store, (str(self.address),)

    # Files

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with a prefix; leases are none."""
        return [found.name for found in self.listed(prefix)]

    def size(self, name: str) -> int | None:
        """Return an object's bytes, or ``None`` where there is none."""
        found = self.head(name)
        return None if found is None else found.size

    def read(self, name: str) -> bytes:
        """Return what an object holds; raises `FileNotFoundError` where there is none."""
        return self.read_version(name)[0]

    def put(self, name: str, data: bytes) -> None:
        """Write an object, in place of one of that name."""
        self._upload(name, data)

    # Store

    def read_range(self, name: str, start: int, length: int, version: str | None = None) -> bytes:
        """Return bytes of an object, fewer where it ends before, and never fewer for another reason.

        Parameters
        ----------
        name
            The object.
        start, length
            Which bytes.
        version
            As `head` or `listed` said it; ``None`` reads whatever is there.

        Raises
        ------
        FileNotFoundError
            When there is none.
        ChangedObject
            When it is not that version any more.
        """
        if length <= 0:
            self._exists(name)
            return b""
        options: GetOptions = {"range": (start, start + length)}
        if version is not None and version.startswith('"'):
            options["if_match"] = version
        try:
            return self._got(name, options, version)[0]
        except Failed as failed:
            if failed.fault.kind == "beyond":
                self._exists(name)
                return b""
            if failed.fault.kind == "changed" or (failed.fault.kind == "missing" and version is not None):
                raise ChangedObject(self._shown(name)) from None
            raise self._error("read", name, failed) from None

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Write an object piece by piece, through a local file; it is there when the block has ended."""
        self._check(name, writes=True)
        scratch = scratch_folder()
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=scratch, prefix="upload-") as file:
            yield cast("BinaryIO", file)
            file.flush()
            self.put_file(name, Path(file.name))

    def delete(self, name: str) -> None:
        """Delete an object; nothing happens where there is none."""
        self._check(name, writes=True)
        key = self._key(name)
        try:
            self.bucket.attempts.run(lambda: obstore.delete(self.bucket.client, key))
        except Failed as failed:
            if failed.fault.kind != "missing":
                raise self._error("delete", name, failed) from None

    def lock(self, *, exclusive: bool, busy: str) -> AbstractContextManager[Lease]:
        """Hold the folder by a lease, which expires when its owner is dead."""
        return hold(self, exclusive=exclusive, busy=busy)

    # More than a `Store` can

    @property
    def bucket(self) -> Bucket:
        """The client, which all stores of a bucket share."""
        return bucket_of(self.address)

    def head(self, name: str) -> StoredObject | None:
        """Return size and version of an object, or ``None`` where there is none."""
        try:
            return self._described(name, self._meta(name))
        except Failed as failed:
            if failed.fault.kind == "missing":
                self.bucket.check_existence()
                return None
            raise self._error("read", name, failed) from None

    def listed(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose names begin with a prefix, in order, and hold no more than a page of them.

        Raises
        ------
        StorageError
            When a page does not come. Objects before it were yielded.
        """
        folder = prefix.rpartition("/")[0]
        if folder and fault_of(folder) is not None:
            return
        below = f"{self.address.key}/" if self.address.key else ""
        for meta in self.bucket.listed(below + prefix):
            name = meta["path"].removeprefix(below)
            if not name.rpartition("/")[2].startswith(LOCK_NAME):
                yield self._described(name, meta)

    def put_file(self, name: str, path: Path) -> StoredObject:
        """Write an object out of a local file, in parts where it is large, and compare what is there then.

        Raises
        ------
        StorageError
            When it does not get there whole, or the file cannot be read.
        """
        return self._upload(name, path)

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object where there is none; return whether there was none."""
        self._check(name, writes=True)
        key = self._key(name)
        try:
            self.bucket.attempts.run(lambda: obstore.put(self.bucket.client, key, data, mode="create"))
        except Failed as failed:
            if failed.fault.kind in {"exists", "changed"}:
                return self._ours(name, data, failed) is not None
            if failed.fault.kind == "unable":
                return self._put_where_none_is(name, data)
            raise self._error("write", name, failed) from None
        return True

    def replace_if(self, name: str, data: bytes, version: str) -> str | None:
        """Write an object in place of a version of it, and return the new one; ``None`` if it is another."""
        self._check(name, writes=True)
        key = self._key(name)

        def request() -> Any:  # noqa: ANN401 of obstore
            mode: Any = {"e_tag": version}
            if self.address.scheme == "gs":  # which compares the number of a generation
                meta = self.bucket.head(key)
                if meta["e_tag"] != version:
                    raise Refused(fault_of_kind("changed"))
                mode["version"] = meta["version"]
            return obstore.put(self.bucket.client, key, data, mode=mode)

        try:
            return cast("str | None", self.bucket.attempts.run(request)["e_tag"])
        except Failed as failed:
            if failed.fault.kind in {"exists", "changed", "missing"}:
                return self._ours(name, data, failed)
            if failed.fault.kind == "unable" and self._now(name) == version:
                return self._upload(name, data).version
            raise self._error("write", name, failed) from None

    # What leases ask

    def read_version(self, name: str) -> tuple[bytes, str | None]:
        """Return what an object holds, and its version; raises `FileNotFoundError` where there is none."""
        try:
            data, meta = self._got(name, {"range": {"offset": 0}})  # whose answer says the whole length
            return data, self.bucket.version(meta)
        except Failed as failed:
            found = self.head(name) if failed.fault.kind == "beyond" else None
            if found is None or found.size:
                raise self._error("read", name, failed) from None
            return b"", found.version

    def modified(self, name: str) -> datetime | None:
        """Return when an object was written, by the store's clock."""
        try:
            return self._meta(name)["last_modified"]
        except Failed as failed:
            if failed.fault.kind == "missing":
                return None
            raise self._error("read", name, failed) from None

    def lease_names(self) -> list[str]:
        """Return the names of leases, which `names` does not have."""
        return [meta["path"].rpartition("/")[2] for meta in self.bucket.listed(self._key(LOCK_NAME))]

    def knows_conditions(self, name: str, data: bytes | None = None) -> bool | None:
        """Say whether the store heeds conditions of puts; with data, that is tried on one that stands."""
        if self.bucket.conditions is None and data is not None:
            self.bucket.conditions = not self.put_new(name, data)
        return self.bucket.conditions

    # What these are made of

    def _meta(self, name: str) -> ObjectMeta:
        self._check(name)
        key = self._key(name)
        self.bucket.get_ready()
        return self.bucket.attempts.run(lambda: self.bucket.head(key))

    def _got(self, name: str, options: GetOptions, version: str | None = None) -> tuple[bytes, ObjectMeta]:
        self._check(name)
        key = self._key(name)
        self.bucket.get_ready()

        def request() -> tuple[bytes, ObjectMeta]:
            answer = self.bucket.get(key, options)
            refuse_page(name, answer.attributes)
            if len(answer.data) != answer.expected:
                raise BadAnswer(f"{len(answer.data)} bytes came in place of {answer.expected}")
            return answer.data, answer.meta

        try:
            data, meta = self.bucket.attempts.run(request)
        except Failed as failed:
            if failed.fault.kind == "missing" and version is None:
                raise missing(self._shown(name)) from None
            raise
        self.bucket.counter.add(bytes_read=len(data))
        if version is not None and not self.bucket.is_version(meta, version):
            raise ChangedObject(self._shown(name))
        return data, meta

    def _upload(self, name: str, source: bytes | Path) -> StoredObject:
        self._check(name, writes=True)
        try:
            size, tag = upload(self.bucket, self._key(name), source)
        except Failed as failed:
            raise self._error("write", name, failed) from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StorageError(f"cannot write `{self._shown(name)}`: {reason}", None, error.errno) from error
        return StoredObject(name, size, tag)

    def _ours(self, name: str, data: bytes, failed: Failed) -> str | None:
        """Return the version of what stands where an earlier attempt wrote it, whose answer was lost."""
        if failed.attempts > 1:
            with contextlib.suppress(FileNotFoundError):
                content, version = self.read_version(name)
                return version if content == data else None
        return None

    def _put_where_none_is(self, name: str, data: bytes) -> bool:
        """Do without a condition what a store knows none for."""
        self.bucket.conditions = False
        if self.head(name) is not None:
            return False
        self.put(name, data)
        return True

    def _now(self, name: str) -> str | None:
        found = self.head(name)
        return None if found is None else found.version

    def _described(self, name: str, meta: ObjectMeta) -> StoredObject:
        return StoredObject(name, meta["size"], self.bucket.version(meta))

    def _exists(self, name: str) -> None:
        if self.head(name) is None:
            raise missing(self._shown(name))

    def _key(self, name: str) -> str:
        return self.address.child(name).key

    def _shown(self, name: str) -> str:
        return shown(str(self.address.child(name)))

    def _error(self, action: str, name: str, failed: Failed) -> StorageError:
        if failed.fault.kind == "whole" and self.address.scheme not in {"https", "http"}:
            # A store knows ranges: what answers with a whole object is none.
            failed = Failed(fault_of_kind("answer"), failed.attempts)
        return failed.error(action, self._shown(name))

    def _check(self, name: str, *, writes: bool = False) -> None:
        """Refuse a name that is not one below the address, and to write where nothing is written."""
        fault = fault_of(name)
        if fault is not None:
            raise StorageError(f"`{shown(str(self.address))}`: the name `{shown(name)}` {fault}")
        if writes:
            self.bucket.check_writable()


def open_store(address: Address | str) -> ObjectStore:
    """Return the store of the files below an address.

    Parameters
    ----------
    address
        A folder of a bucket, or a bucket.

    Raises
    ------
    RecipeError
        When it is no address of a store.

    Examples
    --------
    >>> store = open_store("s3://bucket/runs/one")
    >>> store
    open_store('s3://bucket/runs/one')
    """
    return ObjectStore(Address.parse(address) if isinstance(address, str) else address)
