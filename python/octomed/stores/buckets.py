"""The buckets that this process asks: one for each root and its options."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from octomed.stores.address import Address
from octomed.stores.bucket import Bucket
from octomed.stores.options import options_for

if TYPE_CHECKING:
    from octomed.stores.options import StoreOptions

__all__ = ["bucket_of", "forget_buckets", "pinned"]

_buckets: dict[tuple[Address, StoreOptions], Bucket] = {}
_lock = threading.Lock()


def bucket_of(address: Address) -> Bucket:
    """Return the bucket of an address: one a process, for the same options.

    Parameters
    ----------
    address
        An object or a folder.
    """
    root = Address(address.scheme, address.root)
    key = (root, options_for(address))
    with _lock:
        if key not in _buckets:
            _buckets[key] = _made(*key)
        return _buckets[key]


def pinned(address: Address) -> Address:
    """Return an address of the hub with a commit in place of a branch or a tag, any other as it is.

    Parameters
    ----------
    address
        A file or a folder.

    Raises
    ------
    StorageError
        When the hub has no such dataset, or does not answer.
    """
    bucket = bucket_of(address) if address.scheme == "hf" else None
    commit = getattr(bucket, "commit", None)
    if commit is None:
        return address
    return Address("hf", f"{address.root.partition('@')[0]}@{commit}", address.key)


def forget_buckets() -> None:
    """Forget all clients: the variables that they were made of have changed."""
    with _lock:
        _buckets.clear()


def _made(root: Address, options: StoreOptions) -> Bucket:
    if root.scheme == "hf":
        from octomed.stores.hub import HubBucket  # noqa: PLC0415 loads the hub's client

        return HubBucket(root, options)
    if root.scheme in {"https", "http"}:
        from octomed.stores.web import WebBucket  # noqa: PLC0415 few recipes have such an address

        return WebBucket(root, options)
    return Bucket(root, options)
