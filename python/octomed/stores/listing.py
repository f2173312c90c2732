"""Listings of a store: page after page, each asked for again where it fails, and what is no file left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import obstore

from octomed.errors import StorageError
from octomed.stores.attempts import Failed
from octomed.stores.faults import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from obstore import ObjectMeta

    from octomed.stores.buckets import Bucket

__all__ = ["listed_keys"]

_PAGE = 1000
_ASKED = 3
"""How often a listing is asked for before it is believed to be empty."""
_NOBODY = ".octomed.nothing"
"""No object is called so: of one a store says that there is none, and a page of HTML does not."""


def listed_keys(bucket: Bucket, prefix: str) -> Iterator[ObjectMeta]:
    """Yield what is listed of the objects whose keys begin with a prefix, in order of keys.

    What a page brought is not asked for again: after a failure the listing goes on behind the last key. Empty
    objects that stand for a folder, whose keys end with a slash, are left out.

    Parameters
    ----------
    bucket
        Where.
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
    pages = _Pages(bucket, folder)
    while (page := pages.next(max(last, seen))) is not None:
        for found in page:
            key = found["path"]
            if key <= seen or (not found["size"] and not _is_object(bucket, key)):
                continue
            seen = key
            if key.startswith(prefix):
                yield found
            elif key > prefix:
                return


class _Pages:
    """The pages of a listing.

    A page of HTML that somebody's proxy sends with status 200 reads as a listing without names, which would
    be the end. So an end is believed when an answer that has the last key says that nothing follows it, and an
    empty listing when it was asked for several times.
    """

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._folder = folder
        self._stream: Any = None
        self._last = ""
        self._sure = ""
        self._nothing = 0

    def next(self, after: str) -> Sequence[ObjectMeta] | None:
        """Return the next page; a stream that failed is opened again behind a key."""
        try:
            return self._bucket.attempts.run(lambda: self._page(after))
        except Failed as failed:
            if failed.fault.kind == "missing":
                return None
            below = self._bucket.root.child(self._folder)
            raise failed.error("list", str(below)) from None

    def _page(self, after: str) -> Sequence[ObjectMeta] | None:
        try:
            page = self._read(after)
            while not page:
                self._stream = None
                if self._last:
                    return None if self._sure == self._last else self._behind_the_last()
                self._nothing += 1
                if self._nothing >= _ASKED:
                    self._is_there(
                        f"{self._folder}/{_NOBODY}".lstrip("/")
                    )  # raises what a store does not say
                    return None
                page = self._read(after)
        except Exception:
            self._stream = None
            raise
        self._check_order(page)
        self._last = page[-1]["path"]
        return page

    def _read(self, after: str) -> Sequence[ObjectMeta]:
        if self._stream is None:
            self._stream = obstore.list(
                self._bucket.client, self._folder or None, offset=after or None, chunk_size=_PAGE
            )
        page: Sequence[ObjectMeta] = next(self._stream, [])
        return page

    def _behind_the_last(self) -> Sequence[ObjectMeta]:
        """Return what follows the last key, out of an answer that has that key, too."""
        page = self._read(_just_before(self._last))
        place = next((at for at, found in enumerate(page) if found["path"] == self._last), None)
        if place is None and self._is_there(self._last):
            raise BadAnswer("a part of the listing is missing")
        self._sure = self._last
        rest = page[0 if place is None else place + 1 :]
        if rest:
            self._check_order(rest)
            self._last = rest[-1]["path"]
        return rest

    def _is_there(self, key: str) -> bool:
        """Say whether there is such an object."""
        try:
            found = obstore.head(self._bucket.client, key)
        except FileNotFoundError:
            return False
        if found["e_tag"] is None:
            raise BadAnswer("the answer is not the store's")
        return True

    def _check_order(self, page: Sequence[ObjectMeta]) -> None:
        """Refuse a listing that is in no order: one that goes on behind a key would miss some."""
        paths = [found["path"] for found in page if found["size"]]
        if paths != sorted(paths):
            root = self._bucket.root
            raise StorageError(f"`{root}` lists its objects in no order", "choose a store that sorts them")


def _just_before(key: str) -> str:
    """Return a name behind which a listing begins with a key, or with what nearly nobody calls anything."""
    before = ord(key[-1]) - 1
    if 0xD800 <= before <= 0xDFFF:  # noqa: PLR2004 of halves of characters
        before = 0xD7FF
    return f"{key[:-1]}{chr(before)}\U0010fffd"


def _is_object(bucket: Bucket, key: str) -> bool:
    """Say whether an empty object has this very key: the client cuts the slash off that of a folder."""
    try:
        bucket.attempts.run(lambda: obstore.head(bucket.client, key))
    except Failed as failed:
        if failed.fault.kind == "missing":
            return False
        raise failed.error("read", str(bucket.root.child(key))) from None
    return True
