"""Leases: who works in a folder of a store, for how long at most, and what becomes of those of dead owners.

An owner alone writes `.octomed.lock` by a conditional put, owners beside each other `.octomed.lock-…` each. A
thread renews them; what is not renewed in time, by the clock of the store, has expired and is taken over. The
lease of a process of this machine that is gone is taken over at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

from octomed.errors import RecipeError, StorageError
from octomed.names import shown
from octomed.storage import LOCK_NAME
from octomed.stores.owners import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from octomed.stores.address import Address
    from octomed.stores.objects import StoredObject

__all__ = ["Lease", "LeaseStore", "hold"]

SECONDS = 60.0
"""How long a lease lasts that is not renewed."""

_RENEWALS = 3
"""How often it is renewed in that time."""

_PATIENCE_SECONDS = 1.0
_SETTLING_SECONDS = 2.0
"""How long a store without conditional puts is given to show who wrote last."""


class LeaseStore(Protocol):
    """What leases ask of a store, as `octomed.stores.client.ObjectStore` has it."""

    address: Address

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object where there is none; return whether there was none."""

    def replace_if(self, name: str, data: bytes, version: str) -> str | None:
        """Write an object in place of a version of it; return the new version."""

    def knows_conditions(self, name: str, data: bytes | None) -> bool | None:
        """Say whether both of these heed their condition; with data it is tried on an object that stands."""

    def head(self, name: str) -> StoredObject | None:
        """Return size and version."""

    def modified(self, name: str) -> datetime | None:
        """Return when an object was written."""

    def read_version(self, name: str) -> tuple[bytes, str | None]:
        """Return what an object holds, and its version."""

    def lease_names(self) -> list[str]:
        """Return the names of leases."""

    def delete(self, name: str) -> None:
        """Delete an object."""


@contextlib.contextmanager
def hold(store: LeaseStore, *, exclusive: bool, busy: str) -> Iterator[Lease]:
    """Hold a folder of a store for as long as the block runs.

    Parameters
    ----------
    store
        The folder.
    exclusive
        Alone, or together with others.
    busy
        The message of the error when somebody else holds it.

    Raises
    ------
    RecipeError
        When somebody else holds it; the hint says who, and when it ends.
    StorageError
        When the store fails, or somebody else took the lease over before the block had ended.
    """
    lease = Lease(store, busy)
    lease.take(exclusive=exclusive)
    try:
        yield lease
    except BaseException:
        lease.release()
        raise
    lease.release()
    if lease.lost:
        raise StorageError(
            f"the lease of `{store.address}` was not renewed in time: somebody else may have taken it over",
            "check the clock and the network of this machine, then run the same command again",
        )


@dataclass(frozen=True)
class _Standing:
    """A lease that is there."""

    owner: Owner
    version: str | None
    age: float

    @property
    def is_dead(self) -> bool:
        return self.owner.is_gone() or self.age > self.owner.seconds

    def hint(self) -> str:
        """Say who holds it and how it ends."""
        ends = max(self.owner.seconds - self.age, 0)
        return (
            f"process {self.owner.pid} on `{shown(self.owner.host)}` holds it, and said so {self.age:.0f} s "
            f"ago: wait for it to end; where it is dead, its lease expires in {ends:.0f} s, and the same "
            "command takes it over"
        )


@dataclass
class Lease:
    """What this process holds of a folder.

    Attributes
    ----------
    store, busy
        As of `hold`.
    note
        Whose lease was taken over, if any.
    lost
        Whether it could not be renewed in time.
    """

    store: LeaseStore
    busy: str
    note: str | None = None
    lost: bool = False
    _owner: Owner = field(default_factory=lambda: Owner.of_this_process(SECONDS))
    _versions: dict[str, str | None] = field(default_factory=dict)
    _done: threading.Event = field(default_factory=threading.Event)

    def take(self, *, exclusive: bool) -> None:
        """Take it, and have a thread renew it.

        Raises
        ------
        RecipeError, StorageError
            As `hold`.
        """
        try:
            standing = self._take_alone() if exclusive else self._take_shared()
        except BaseException:
            self.release()
            raise
        if standing is not None:
            self.release()
            raise RecipeError(self.busy, standing.hint())
        threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def alone(self) -> bool:
        """Make a shared lease exclusive where nobody else holds one; otherwise it stays shared."""
        if LOCK_NAME in self._versions:
            return True
        if self._take_alone() is None:
            return True
        self._drop(LOCK_NAME)
        return False

    def share(self) -> None:
        """Make it shared again, for others that come."""
        if self._shared_name not in self._versions:
            self.store.put(self._shared_name, self._content())
            self._versions[self._shared_name] = self._version(self._shared_name)
        self._drop(LOCK_NAME)

    def release(self) -> None:
        """Give it back; what somebody else took over stays theirs."""
        self._done.set()
        if self._owner.pid != os.getpid():
            return
        for name in list(self._versions):
            with contextlib.suppress(StorageError):  # it expires by itself
                self._drop(name)

    # Taking

    def _take_alone(self) -> _Standing | None:
        """Take the lease of one owner, or say who holds one."""
        standing = self._claim(LOCK_NAME)
        if standing is not None:
            return standing
        for name in self.store.lease_names():
            if name in {LOCK_NAME, self._shared_name}:
                continue
            other = self._standing(name)
            if other is not None and not other.is_dead:
                self._drop(LOCK_NAME)
                return other
            self.store.delete(name)
        return None

    def _take_shared(self) -> _Standing | None:
        self.store.put(self._shared_name, self._content())
        self._versions[self._shared_name] = self._version(self._shared_name)
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            other = self._standing(LOCK_NAME)
            if other is None or other.is_dead:
                return None
            if time.monotonic() > end:
                return other
            time.sleep(_PATIENCE_SECONDS / 5)

    def _claim(self, name: str) -> _Standing | None:
        """Write a lease where none stands or a dead one does, or return the one that stands."""
        while True:
            other = None if self.store.knows_conditions(name, None) else self._standing(name)
            if other is not None and not other.is_dead:
                return other
            if self.store.put_new(name, self._content()):
                self._versions[name] = self._version(name)
                return self._settled(name)
            other = self._standing(name)
            if other is None:
                continue
            if not other.is_dead:
                return other
            version = self.store.replace_if(name, self._content(), other.version or "")
            if version is not None:
                self._versions[name] = version
                self.note = f"the lease of process {other.owner.pid} on `{other.owner.host}` was taken over"
                return None

    def _settled(self, name: str) -> _Standing | None:
        """Where a store does not know conditions, wait until it shows who wrote last."""
        if self.store.knows_conditions(name, self._content()):
            return None
        time.sleep(_SETTLING_SECONDS)
        other = self._standing(name)
        if other is None or other.owner == self._owner:
            return None
        self._versions.pop(name)
        return other

    # Looking

    def _standing(self, name: str) -> _Standing | None:
        try:
            content, version = self.store.read_version(name)
        except FileNotFoundError:
            return None
        owner = Owner.read(content)
        return _Standing(owner, version, 0.0 if owner == self._owner else self._age(name))

    def _age(self, name: str) -> float:
        """Return the seconds since a lease was written, by the clock of the store."""
        probe = f"{LOCK_NAME}~{self._owner.token}"
        self.store.put(probe, b"")
        now, written = self.store.modified(probe), self.store.modified(name)
        self.store.delete(probe)
        return 0.0 if now is None or written is None else (now - written).total_seconds()

    def _version(self, name: str) -> str | None:
        found = self.store.head(name)
        return None if found is None else found.version

    # Keeping

    def _renew(self) -> None:
        written = time.monotonic()
        while not self._done.wait(self._owner.seconds / _RENEWALS):
            try:
                kept = all(self._renewed(name) for name in list(self._versions))
            except (StorageError, RecipeError):
                kept = time.monotonic() - written < self._owner.seconds
            else:
                written = time.monotonic()
            if not kept and not self._done.is_set():
                self.lost = True
                return

    def _renewed(self, name: str) -> bool:
        version = self._versions.get(name)
        new = self.store.replace_if(name, self._content(), version or "")
        if new is None:
            with contextlib.suppress(FileNotFoundError):
                content, new = self.store.read_version(name)
                new = new if Owner.read(content) == self._owner else None  # the answer to a renewal was lost
        if new is not None and name in self._versions:
            self._versions[name] = new
        return new is not None

    def _drop(self, name: str) -> None:
        self._versions.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            if Owner.read(self.store.read_version(name)[0]) == self._owner:
                self.store.delete(name)

    @property
    def _shared_name(self) -> str:
        return f"{LOCK_NAME}-{self._owner.token}"

    def _content(self) -> bytes:
        """Return what is written: it differs each time, so that its version does."""
        return json.dumps(asdict(self._owner) | {"written": secrets.token_hex(8)}).encode()
