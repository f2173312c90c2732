"""Listings of a store: page after page, each asked for again where it fails, and what is no file left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import obstore

from octomed.errors import StorageError
from octomed.stores.attempts import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from obstore import ObjectMeta

    from octomed.stores.buckets import Bucket

__all__ = ["listed_keys"]

_PAGE = 1000


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
                _check_order(bucket, found, seen)
                continue
            seen = key
            if key.startswith(prefix):
                yield found
            elif key > prefix:
                return


class _Pages:
    """The pages of a listing."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket = bucket
        self._folder = folder
        self._stream: Any = None

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
        if self._stream is None:
            self._stream = obstore.list(
                self._bucket.client, self._folder or None, offset=after or None, chunk_size=_PAGE
            )
        try:
            return next(self._stream, None)
        except Exception:
            self._stream = None
            raise


def _is_object(bucket: Bucket, key: str) -> bool:
    """Say whether an empty object has this very key: the client cuts the slash off that of a folder."""
    try:
        bucket.attempts.run(lambda: obstore.head(bucket.client, key))
    except Failed as failed:
        if failed.fault.kind == "missing":
            return False
        raise failed.error("read", str(bucket.root.child(key))) from None
    return True


def _check_order(bucket: Bucket, found: ObjectMeta, seen: str) -> None:
    """Refuse a listing that is in no order: one that goes on behind a key would miss some."""
    if found["size"] and found["path"] < seen:
        raise StorageError(f"`{bucket.root}` lists its objects in no order", "choose a store that sorts them")
