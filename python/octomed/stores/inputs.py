"""What stores hold, as a recipe asks for it: which objects lie below an address, and what they begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.stores.address import Address
from octomed.stores.buckets import pinned
from octomed.stores.client import open_store
from octomed.stores.fetching import fetching
from octomed.stores.mirror import opened
from octomed.stores.mirrors import mirrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from octomed.stores.objects import StoredObject
    from octomed.stores.ranges import Range

Result = TypeVar("Result")

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
    return str(_pinned(Address.parse(path)))


def _pinned(address: Address) -> Address:
    return _waited(lambda: pinned(address)) if address.scheme == "hf" else address


def commit_of(path: str) -> str | None:
    """Return the commit at which a dataset of the hub is read; None of any other address."""
    address = Address.parse(path)
    return _pinned(address).root.rpartition("@")[2] if address.scheme == "hf" else None


def found(path: str) -> StoredObject | None:
    """Return what the store says of an object; None where there is none.

    Raises
    ------
    RecipeError, StorageError
        When it is no good address, or the store does not answer.
    """
    store, name = opened(path)
    return _waited(lambda: store.head(name)) if name else None


def below(path: str) -> list[StoredObject]:
    """List the objects below a folder, named from there; none where there is no such folder.

    Objects whose names end in a slash stand for folders, and are none.

    Raises
    ------
    RecipeError, StorageError
        When it is no good address, or the store does not answer.
    """
    store = open_store(Address.parse(path))
    return _waited(lambda: [one for one in store.listed() if one.name and not one.name.endswith("/")])


def anything_below(path: str) -> bool:
    """Say whether there is an object below a folder.

    Raises
    ------
    RecipeError, StorageError
        When it is no good address, or the store does not answer.
    """
    store = open_store(Address.parse(path))
    return _waited(lambda: next(iter(store.listed()), None)) is not None


def _waited(call: Callable[[], Result]) -> Result:
    """Ask a store in another thread: a client that waits for an answer hears of no signal."""
    return fetching.submit(call, urgent=True).result()


def announce(path: str, size: int, version: str | None) -> None:
    """Say what a listing says of an object: what is read of it has to be of that version."""
    mirrors.announce(path, size, version)


def child(path: str, name: str) -> str:
    """Return the address of what is named below another.

    Raises
    ------
    RecipeError
        When the name is one that an address would not be read as.
    """
    found = Address.parse(path).child(name)
    if Address.parse(str(found)) != found:
        raise RecipeError(
            f"`{shown(str(found))}` would be taken for an address with a query", "rename the object"
        )
    return str(found)


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

    def beginning_of() -> bytes:
        there = store.head(name)
        if there is None or not there.size:
            return b""
        return bytes(store.read_range(name, 0, min(there.size, most), there.version))

    return _waited(beginning_of)


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


def content(path: str) -> bytes:
    """Return all of a small object.

    Raises
    ------
    FileNotFoundError
        When there is none.
    RecipeError, StorageError
        When it is no good address, or the store does not answer.
    """
    store, name = opened(path)
    return bytes(_waited(lambda: store.read(name)))


def digest(path: str, hashed: Callable[[str], str]) -> str:
    """Return the hash of all of an object's content, as of a local file.

    Parameters
    ----------
    path
        The object.
    hashed
        Hashes a local file.
    """
    with mirrors.held(path) as mirror:
        mirror.need([(0, mirror.size)])
        return hashed(mirror.path)


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
