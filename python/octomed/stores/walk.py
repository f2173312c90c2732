"""Fetches what is going to be read, in the order of reading, and no more than so many bytes before it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from octomed.stores.mirror import PART_BYTES
from octomed.stores.mirrors import mirrors
from octomed.stores.ranges import coalesced, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from octomed.stores.mirror import Mirror
    from octomed.stores.ranges import Range

MOST_AHEAD = 256 * 2**20
"""Bytes fetched, or under way, and not read yet: the disk holds them, and a store may be slow for a while."""


class Wanted(NamedTuple):
    """Ranges of an object, in the order in which they are read."""

    address: str
    size: int
    version: str | None
    ranges: tuple[Range, ...]


class Walk:
    """Walks over what is wanted ahead of its readers, in a thread.

    A reader that needs what has not been reached yet fetches it for itself: the walk never holds it up.

    Parameters
    ----------
    wanted
        In the order of reading.
    most
        Bytes.
    """

    def __init__(self, wanted: Sequence[Wanted], most: int = MOST_AHEAD) -> None:
        self._wanted, self._most = wanted, most
        self._known = frozenset(wanted)
        self._room = threading.Condition()
        self._ahead = 0
        self._ended = False
        self._mirrors: dict[str, Mirror] = {}
        self._left: dict[str, int] = {}
        self._thread = threading.Thread(target=self._walk, name="octomed-walk", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        for one in self._wanted:
            mirrors.announce(one.address, one.size, one.version)
            self._left[one.address] = self._left.get(one.address, 0) + 1
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """End, whatever is left."""
        with self._room:
            self._ended = True
            self._room.notify_all()
        self._thread.join()
        for mirror in self._mirrors.values():
            mirror.end_walk()
            mirrors.let_go(mirror)
        self._mirrors.clear()

    def done(self, one: Wanted) -> None:
        """Say that what was wanted of an object has been read, or will not be; of another walk, nothing."""
        with self._room:
            if one not in self._known or not self._left.get(one.address):
                return
            mirror = self._mirror(one.address)
            self._left[one.address] -= 1
            is_last = not self._left[one.address]
        mirror.release(one.ranges)
        if is_last:
            with self._room:
                del self._mirrors[one.address]
            mirror.end_walk()
            mirrors.let_go(mirror)

    def _mirror(self, address: str) -> Mirror:
        """Return the mirror of an object, which is held until all that is wanted of it was read."""
        found = self._mirrors.get(address)
        if found is None:
            found = self._mirrors[address] = mirrors.hold(address)
            found.begin_walk(self._freed)
        return found

    def _freed(self, size: int) -> None:
        with self._room:
            self._ahead -= size
            self._room.notify_all()

    def _walk(self) -> None:
        for one in self._wanted:
            with self._room:
                if self._ended:
                    return
                if not self._left[one.address]:
                    continue
                mirror = self._mirror(one.address)
            for part in parts(coalesced(one.ranges), PART_BYTES):
                if not self._has_room(part[1] - part[0]):
                    return
                taken = mirror.walk(part)
                with self._room:
                    self._ahead += taken
            mirror.compare()

    def _has_room(self, size: int) -> bool:
        with self._room:
            while not self._ended and self._ahead and self._ahead + size > self._most:
                self._room.wait()
            return not self._ended
