"""Listings of a store: page after page, each asked for again where it fails, and what is no file left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import obstore

from octomed.errors import StorageError
from octomed.stores.attempts import Failed
from octomed.stores.faults import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from obstore import ObjectMeta

    from octomed.stores.address import Address
    from octomed.stores.attempts import Attempts
    from octomed.stores.connecting import Client

__all__ = ["listed_keys"]

_PAGE = 1000
_ASKED = 3
"""How often a listing is asked for before it is believed to be empty."""

_NOBODY = ".octomed.nothing"
"""No object is called so: of one a store says that there is none, and a page of HTML does not."""


def listed_keys(
    root: Address, attempts: Attempts, client: Callable[[], Client], prefix: str
) -> Iterator[ObjectMeta]:
    """Yield what is listed of the objects whose keys begin with a prefix, in order of keys.

    What a page brought is not asked for again: after a failure the listing goes on behind the last key. Empty
    objects that stand for a folder, whose keys end with a slash, are left out.

    Parameters
    ----------
    root, attempts, client
        Of the bucket.
    prefix
        How keys begin: the part behind its last slash may be incomplete.

    Raises
    ------
    StorageError
        When there is no such bucket, a page does not come, or a key is listed that cannot be asked for.
    """
    folder, _, begin = prefix.rpartition("/")
    last = f"{folder}/{begin[:-1]}".strip("/") if begin[:-1] not in {"", ".", ".."} else ""
    seen = ""
    pages = _Pages(root, attempts, client, folder)
    while (page := pages.next(max(last, seen))) is not None:
        for found in page:
            key = found["path"]
            if key <= seen or (not found["size"] and not pages.is_object(key)):
                continue
            seen = key
            if key.startswith(prefix):
                yield found
            elif key > prefix:
                return


@dataclass
class _Pages:
    """The pages of a listing.

    A page of HTML that somebody's proxy sends with status 200 reads as a listing without names, which would
    be the end. So an end is believed when an answer that has the last key says that nothing follows it, and
    an empty listing when it was asked for several times.
    """

    root: Address
    attempts: Attempts
    client: Callable[[], Client]
    folder: str
    _stream: Any = None
    _last: str = ""
    _sure: str = ""
    _nothing: int = 0
    _requests: int = 0
    _full: bool = False

    def next(self, after: str) -> Sequence[ObjectMeta] | None:
        """Return the next page; a stream that failed is opened again behind a key."""
        if self._last and self._sure == self._last:
            return None
        try:
            return self.attempts.run(lambda: self._page(after))
        except Failed as failed:
            if failed.fault.kind == "missing":
                return None
            raise failed.error("list", str(self.root.child(self.folder))) from None

    def _page(self, after: str) -> Sequence[ObjectMeta] | None:
        try:
            page = self._read(after)
            while not page:
                self._stream = None
                if self._last:
                    return self._behind_the_last()
                self._nothing += 1
                if self._nothing >= _ASKED:
                    self._is_there("/".join(filter(None, [self.folder, _NOBODY])))
                    return None
                page = self._read(after)
        except Exception:
            self._stream = None
            raise
        finally:
            self.attempts.counter.add(requests=self._requests - 1)  # one is counted for each attempt
            self._requests = 0
        return self._checked(page)

    def _read(self, after: str) -> Sequence[ObjectMeta]:
        if self._stream is None:
            self._stream = obstore.list(
                self.client(), self.folder or None, offset=after or None, chunk_size=_PAGE
            )
            self._requests += 1
        elif self._full:
            self._requests += 1
        self._full = False
        page: Sequence[ObjectMeta] = next(self._stream, [])
        self._full = len(page) == _PAGE
        return page

    def _behind_the_last(self) -> Sequence[ObjectMeta]:
        """Return what follows the last key, out of an answer that has that key, too."""
        page = self._read(_just_before(self._last))
        place = next((at for at, found in enumerate(page) if found["path"] == self._last), None)
        if place is None and self._is_there(self._last):
            raise BadAnswer("a part of the listing is missing")
        self._sure = self._last
        return self._checked(page[0 if place is None else place + 1 :])

    def _checked(self, page: Sequence[ObjectMeta]) -> Sequence[ObjectMeta]:
        """Refuse a listing that is in no order: one that goes on behind a key would miss some."""
        paths = [found["path"] for found in page if found["size"]]
        if paths != sorted(paths):
            hint = "choose a store that sorts them"
            raise StorageError(f"`{self.root}` lists its objects in no order", hint)
        if page:
            self._last = page[-1]["path"]
        return page

    def _is_there(self, key: str) -> bool:
        """Say whether there is such an object; raises `BadAnswer` for what no store says."""
        try:
            self._requests += 1
            found = obstore.head(self.client(), key)
        except FileNotFoundError:
            return False
        if found["e_tag"] is None:
            raise BadAnswer("the answer is not a store's")
        return True

    def is_object(self, key: str) -> bool:
        """Say whether an empty object has this very key: obstore cuts the slash off that of a folder."""
        try:
            self.attempts.run(lambda: obstore.head(self.client(), key))
        except Failed as failed:
            if failed.fault.kind == "missing":
                return False
            raise failed.error("read", str(self.root.child(key))) from None
        return True


def _just_before(key: str) -> str:
    """Return a name behind which a listing begins with a key, or with what nearly nobody calls anything.

    It is one that obstore takes: without control characters and empty parts, which no key has that it lists.
    """
    begin, before = key[:-1], ord(key[-1]) - 1
    if 0xD800 <= before <= 0xDFFF:  # noqa: PLR2004 of halves of characters
        before = 0xD7FF
    if before == ord("\x7f") or (before == ord("/") and begin[-1:] in {"", "/"}):
        before -= 1
    if before < ord(" "):
        return begin.rstrip("/")
    return f"{begin}{chr(before)}\U0010fffd"
