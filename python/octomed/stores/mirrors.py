"""The mirrors of this process: by address, no more of them on the disk than it should hold."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from octomed.stores.mirror import Mirror, changes_named, gone, opened
from octomed.stores.options import scratch_folder
from octomed.stores.sparse import SparseFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 2**30
"""What mirrors may hold that nobody reads: heads and footers that planning read, which a scan reads again."""


class Mirrors:
    """Mirrors by address.

    Parameters
    ----------
    most
        Bytes that those hold at most that nobody reads.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._lock = threading.RLock()
        self._mirrors: OrderedDict[str, Mirror] = OrderedDict()
        self._known: dict[str, tuple[int, str | None]] = {}
        self._bytes = 0
        self._process = os.getpid()
        self._folders: dict[Path, SparseFolder] = {}

    def clear(self, *, held: bool = False) -> None:
        """Remove all mirrors that nobody holds, and their folders where none is left.

        Parameters
        ----------
        held
            Whether those go, too, that somebody holds: the process ends.
        """
        with self._lock:
            for address, one in list(self._mirrors.items()):
                if held or not one.held:
                    del self._mirrors[address]
                    one.discard()
            if not self._mirrors:
                for folder in self._folders.values():
                    folder.remove()
                self._folders.clear()

    def _new_file(self, size: int) -> str:
        scratch = scratch_folder()
        if scratch not in self._folders:
            self._folders[scratch] = SparseFolder(scratch)
        return self._folders[scratch].new_file(size)

    def announce(self, address: str, size: int, version: str | None) -> None:
        """Say what a listing, or a plan, says of an object: other bytes are not taken for it from now on."""
        with self._lock:
            found = self._mirrors.get(address)
            if found is not None and (found.size, found.version) != (size, version):
                self._mirrors.pop(address).discard()
            self._known[address] = (size, version)

    @contextlib.contextmanager
    def held(self, address: str) -> Iterator[Mirror]:
        """Hold the mirror of an object while the block runs; others may go to make room."""
        mirror = self.hold(address)
        try:
            yield mirror
        finally:
            self.let_go(mirror)

    def hold(self, address: str) -> Mirror:
        """Return the mirror of an object, which stays until it is let go.

        Raises
        ------
        ChangedInput, StorageError
            When nothing was announced of the object, and the store does not have it, or does not answer.
        """
        if address not in self._known:
            self.announce(address, *_asked(address))
        with self._lock:
            if self._process != os.getpid():  # what was under way was so in the process that forked this one
                self._process, self._bytes = os.getpid(), 0
                self._mirrors.clear()
                self._folders.clear()
            mirror = self._mirrors.get(address)
            if mirror is None or not os.path.exists(mirror.path):  # noqa: PTH110 as they are named
                size, version = self._known[address]
                mirror = Mirror(address, size, version, self._new_file(size), self._changed)
                self._mirrors[address] = mirror
            self._mirrors.move_to_end(address)
            mirror.held += 1
            return mirror

    def let_go(self, mirror: Mirror) -> None:
        """End a hold; of mirrors that nobody holds, those that were used longest ago go first."""
        with self._lock:
            mirror.held -= 1
            if self._bytes <= self._most:
                return
            for address, one in list(self._mirrors.items()):
                if self._bytes <= self._most:
                    break
                if not one.held:
                    del self._mirrors[address]
                    one.discard()

    def _changed(self, size: int) -> None:
        with self._lock:
            self._bytes += size


def _asked(address: str) -> tuple[int, str | None]:
    with changes_named(address):
        store, name = opened(address)
        found = store.head(name)
    if found is None:
        raise gone(address)
    return found.size, found.version


mirrors = Mirrors()
atexit.register(mirrors.clear, held=True)
