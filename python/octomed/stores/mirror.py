"""Mirrors: sparse local files into which exactly the bytes of an object are fetched that are needed.

A reader asks a mirror for ranges and then reads the local file at the same offsets, so that a process that
knows neither the store nor its secrets can read it, too. What was read is given back to the disk.
"""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from octomed.errors import ChangedInStore
from octomed.names import shown
from octomed.stores.address import Address
from octomed.stores.fetching import fetching
from octomed.stores.objects import ChangedObject
from octomed.stores.ranges import Ranges, coalesced, parts
from octomed.stores.sparse import punch, write_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from octomed.stores.client import ObjectStore
    from octomed.stores.ranges import Range

PART_BYTES = 4 * 2**20
"""Bytes of one request: with as many requests at once as there are threads, 20 ms of each cost little."""

_AGAIN = "run the same command again once it is complete"


class Mirror:
    """An object as a local file.

    Parameters
    ----------
    address
        The object, as messages name it.
    size
        Its bytes.
    version
        Which version of it is wanted; None where the store has no versions.
    path
        A local file of that size, all of it a hole.
    changed
        Told by how many bytes the local file has grown or shrunk.
    """

    def __init__(
        self, address: str, size: int, version: str | None, path: str, changed: Callable[[int], None]
    ) -> None:
        self.address, self.size, self.version, self.path = address, size, version, path
        self.held = 0
        self.used = 0
        self.is_walked = False
        self._changed = changed
        self._lock = threading.Lock()
        self._there, self._known, self._passed = Ranges(), Ranges(), Ranges()
        self._under_way: dict[Range, tuple[Future[None], bool]] = {}
        self._freed: Callable[[int], None] | None = None
        self._walked = Ranges()
        self._asked = False
        self._compared: Future[None] | None = None

    def need(self, ranges: Iterable[Range]) -> None:
        """Wait until ranges are in the local file.

        Raises
        ------
        ChangedInput
            When the object is not the one that was listed any more.
        StorageError
            When the store, or the local disk, is at fault.
        """
        wanted = self._clipped(ranges)
        while True:
            with self._lock:
                self._ask(wanted, urgent=True)
                waiting = [
                    (part, *asked)
                    for part, asked in self._under_way.items()
                    if any(part[0] < end and begin < part[1] for begin, end in wanted)
                ]
            for part, future, urgent in waiting:
                self._wait(part, future, urgent=urgent)
            with self._lock:
                if not any(self._there.missing(*one) for one in wanted):
                    return

    def _wait(self, part: Range, future: Future[None], *, urgent: bool) -> None:
        """Wait for a part; one that waits behind others is fetched at once."""
        if not urgent:
            with self._lock:  # of several that wait for it, one asks for it again
                if self._under_way.get(part) == (future, False) and future.cancel():
                    self._under_way[part] = (fetching.submit(self._fetch, part, urgent=True), True)
                future = self._under_way.get(part, (future, False))[0]
        with contextlib.suppress(CancelledError):  # by another reader, who asks again as this one does
            future.result()

    def has(self, part: Range) -> bool:
        """Say whether a range is there, or under way."""
        with self._lock:
            return not self._known.missing(*part)

    def expect(self, ranges: Iterable[Range]) -> None:
        """Begin to fetch ranges; what goes wrong with them is raised where they are needed."""
        with self._lock:
            self._ask(self._clipped(ranges), urgent=False)

    def _clipped(self, ranges: Iterable[Range]) -> list[Range]:
        return coalesced((max(0, begin), min(self.size, end)) for begin, end in ranges)

    def _ask(self, wanted: Sequence[Range], *, urgent: bool) -> None:
        """Have fetched what is neither there nor under way; the lock is held."""
        missing = [gap for begin, end in wanted for gap in self._known.missing(begin, end)]
        for part in parts(missing, PART_BYTES):
            self._known.add(*part)
            self._asked = True
            self._under_way[part] = (fetching.submit(self._fetch, part, urgent=urgent), urgent)

    def _fetch(self, part: Range) -> None:
        begin, end = part
        try:
            write_at(self.path, memoryview(self._read(begin, end - begin)), begin)
        except BaseException:
            self._forget(part)
            raise
        with self._lock:
            self._under_way.pop(part, None)
            self._there.add(begin, end)
        self._changed(end - begin)

    def _forget(self, part: Range) -> None:
        with self._lock:
            self._under_way.pop(part, None)
            self._known.remove(*part)
            self._asked = False

    def _read(self, begin: int, length: int) -> bytes:
        with changes_named(self.address):
            store, name = opened(self.address)
            return store.read_range(name, begin, length, self.version)

    def release(self, ranges: Iterable[Range]) -> None:
        """Give back what has been read: to the disk, and to those who fetch ahead of the reader."""
        given = freed = 0
        with self._lock:
            for begin, end in ranges:
                self._passed.add(begin, end)
                freed += self._walked.remove(begin, end)
                for held in self._there.within(begin, end):
                    given += self._there.remove(*held)
                    self._known.remove(*held)
                    punch(self.path, *held)
            told = self._freed
        if given:
            self._changed(-given)
        if freed and told is not None:
            told(freed)

    def begin_walk(self, freed: Callable[[int], None]) -> None:
        """Begin to be fetched ahead of a reader, who releases what it has read."""
        with self._lock:
            self._passed, self._walked = Ranges(), Ranges()
            self._freed, self.is_walked = freed, True
            self._asked = False

    def end_walk(self) -> None:
        """End it: what waits to be fetched is not, and readers fetch for themselves again."""
        with self._lock:
            waiting = [(part, future) for part, (future, urgent) in self._under_way.items() if not urgent]
            for part, future in waiting:
                if future.cancel():
                    del self._under_way[part]
                    self._known.remove(*part)
            self._freed, self.is_walked = None, False
            self._walked = Ranges()

    def walk(self, part: Range) -> int:
        """Expect a part unless it has been read; return the bytes that stay until they are released."""
        with self._lock:
            left = self._passed.missing(*part)
            taken = sum(self._walked.add(*one) for one in left)
            self._ask(left, urgent=False)
            return taken

    def compare(self) -> None:
        """Begin to ask whether the object is still the one that was listed, where no byte is asked for.

        Each request for bytes names the version. What planning has fetched whole is asked for by none.
        """
        with self._lock:
            if self._compared is None and not self._asked:
                self._compared = fetching.submit(self._compare)

    def refuse_changed(self) -> None:
        """Raise what :meth:`compare` found.

        Raises
        ------
        ChangedInput
            When the object is gone, or another one.
        """
        self.compare()
        compared, self._compared = self._compared, None
        if compared is not None:
            compared.result()

    def _compare(self) -> None:
        with changes_named(self.address):
            store, name = opened(self.address)
            found = store.head(name)
        if found is None:
            raise gone(self.address)
        if (found.size, found.version) != (self.size, self.version):
            raise changed(self.address)

    def discard(self) -> None:
        """Remove the local file."""
        with self._lock:
            size = self._there.size
            self._there, self._known = Ranges(), Ranges()
        with contextlib.suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108 a mirror is one of many thousands
        self._changed(-size)


def opened(address: str) -> tuple[ObjectStore, str]:
    """Return the store of an object, and the object's name in it."""
    from octomed.stores.client import open_store  # noqa: PLC0415 a mirror is made before anything is asked for

    parsed = Address.parse(address)
    return open_store(Address(parsed.scheme, parsed.root, "")), parsed.key


@contextlib.contextmanager
def changes_named(address: str) -> Iterator[None]:
    """Name the object in what a store says of one that is gone or changed."""
    try:
        yield
    except FileNotFoundError:
        raise gone(address) from None
    except ChangedObject:
        raise changed(address) from None


def changed(address: str) -> ChangedInStore:
    """Return the error for an object that is another one now."""
    return ChangedInStore(f"`{shown(address)}` changed while the run read it", _AGAIN)


def gone(address: str) -> ChangedInStore:
    """Return the error for an object that was there when it was listed."""
    return ChangedInStore(f"`{shown(address)}` was removed while the run read it", _AGAIN)
