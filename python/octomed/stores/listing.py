"""Listings of a store: page after page, each asked for again where it fails, and what is no file left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import obstore

from octomed.errors import StorageError
from octomed.stores.attempts import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from obstore import ObjectMeta

    from octomed.stores.address import Address
    from octomed.stores.attempts import Attempts
    from octomed.stores.connecting import Client

__all__ = ["listed_keys"]

_PAGE = 1000


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
                _check_order(root, found, seen)
                continue
            seen = key
            if key.startswith(prefix):
                yield found
            elif key > prefix:
                return


@dataclass
class _Pages:
    """The pages of a listing."""

    root: Address
    attempts: Attempts
    client: Callable[[], Client]
    folder: str
    _stream: Any = None

    def next(self, after: str) -> Sequence[ObjectMeta] | None:
        """Return the next page; a stream that failed is opened again behind a key."""
        try:
            return self.attempts.run(lambda: self._page(after))
        except Failed as failed:
            if failed.fault.kind == "missing":
                return None
            raise failed.error("list", str(self.root.child(self.folder))) from None

    def _page(self, after: str) -> Sequence[ObjectMeta] | None:
        if self._stream is None:
            self._stream = obstore.list(
                self.client(), self.folder or None, offset=after or None, chunk_size=_PAGE
            )
        try:
            return next(self._stream, None)
        except Exception:
            self._stream = None
            raise

    def is_object(self, key: str) -> bool:
        """Say whether an empty object has this very key: obstore cuts the slash off that of a folder."""
        try:
            self.attempts.run(lambda: obstore.head(self.client(), key))
        except Failed as failed:
            if failed.fault.kind == "missing":
                return False
            raise failed.error("read", str(self.root.child(key))) from None
        return True


def _check_order(root: Address, found: ObjectMeta, seen: str) -> None:
    """Refuse a listing that is in no order: one that goes on behind a key would miss some."""
    if found["size"] and found["path"] < seen:
        raise StorageError(f"`{root}` lists its objects in no order", "choose a store that sorts them")
