"""What stores hold, as a recipe asks for it: which objects lie below an address, and what they begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.stores.address import Address
from octomed.stores.buckets import pinned
from octomed.stores.client import open_store
from octomed.stores.mirror import opened
from octomed.stores.mirrors import mirrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from octomed.stores.objects import StoredObject
    from octomed.stores.ranges import Range

_WEB = frozenset({"https", "http"})
_WHOLE = 256 * 2**10
_PIECES, _PIECE = 4, 16 * 2**10
"""Of which pieces a fingerprint is made: the engine's, for what a store gives no version of."""


def can_list(path: str) -> bool:
    """Say whether what an address is in can be listed; the web cannot."""
    return Address.parse(path).scheme not in _WEB


def normal(path: str) -> str:
    """Return an address as it is stored and shown: no secret is in it, and no slash at its end.

    Of one on the hub the commit stands in it: whatever is pushed later, that is what is read.

    Raises
    ------
    RecipeError, StorageError
        When it is no good address, or the hub does not answer.
    """
    return str(pinned(Address.parse(path)))


def commit_of(path: str) -> str | None:
    """Return the commit at which a dataset of the hub is read; None of any other address."""
    address = Address.parse(path)
    return pinned(address).root.rpartition("@")[2] if address.scheme == "hf" else None


def found(path: str) -> StoredObject | None:
    """Return what the store says of an object; None where there is none.

    Raises
    ------
    RecipeError, StorageError
        When it is no good address, or the store does not answer.
    """
    store, name = opened(path)
    return store.head(name) if name else None


def below(path: str) -> Iterator[StoredObject]:
    """List the objects below a folder, named from there; none where there is no such folder.

    Objects whose names end in a slash stand for folders, and are none.

    Raises
    ------
    RecipeError, StorageError
        When it is no good address, or the store does not answer.
    """
    listed = open_store(Address.parse(path)).listed()
    return (one for one in listed if one.name and not one.name.endswith("/"))


def announce(path: str, size: int, version: str | None) -> None:
    """Say what a listing says of an object: what is read of it has to be of that version."""
    mirrors.announce(path, size, version)


def child(path: str, name: str) -> str:
    """Return the address of what is named below another."""
    return str(Address.parse(path).child(name))


def above(path: str) -> tuple[str, str]:
    """Return the address of the folder that something is in, and its name there; the root is in itself."""
    address = Address.parse(path)
    return str(address.parent), address.name


def beginning(path: str, most: int) -> bytes:
    """Return what an object begins with, and nothing where there is none; the web is not asked.

    Parameters
    ----------
    path
        A small file that may lie next to rows.
    most
        Bytes.
    """
    address = Address.parse(path)
    if address.scheme in _WEB:
        return b""
    store, name = opened(path)
    there = store.head(name)
    if there is None or not there.size:
        return b""
    return bytes(store.read_range(name, 0, min(there.size, most), there.version))


def refuse_changed(path: str, size: int, version: str | None) -> None:
    """See that an object is the one that was planned.

    Raises
    ------
    ChangedInput
        When it is not.
    """
    mirrors.announce(path, size, version)
    with mirrors.held(path) as mirror:
        mirror.refuse_changed()


def fingerprint(path: str, hashed: Callable[[str], str]) -> str:
    """Return the hash of an object's content, or of pieces of a large one, as of a local file.

    Parameters
    ----------
    path
        The object.
    hashed
        Hashes a local file.
    """
    with mirrors.held(path) as mirror:
        mirror.need(_pieces(mirror.size))
        return hashed(mirror.path)


def _pieces(size: int) -> list[Range]:
    if size <= _WHOLE:
        return [(0, size)]
    step = (size - _PIECE) // (_PIECES - 1)
    begins = [*(number * step for number in range(_PIECES - 1)), size - _PIECE]
    return [(begin, begin + _PIECE) for begin in begins]


def expect(wanted: Iterable[tuple[str, list[Range]]]) -> None:
    """Begin to fetch ranges of objects that will be looked at soon."""
    for path, ranges in wanted:
        with mirrors.held(path) as mirror:
            mirror.expect(ranges)
