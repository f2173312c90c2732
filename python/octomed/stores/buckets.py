"""What all stores of one bucket share in a process: a client, a number of connections, counts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from octomed.stores.address import Address
from octomed.stores.attempts import Attempts
from octomed.stores.connecting import connect
from octomed.stores.options import options_for
from octomed.stores.traffic import counter_of

if TYPE_CHECKING:
    from octomed.stores.connecting import Client
    from octomed.stores.options import StoreOptions

__all__ = ["Bucket", "bucket_of"]


class Bucket:
    """A bucket or container, and its clients, which are made when they are needed.

    Parameters
    ----------
    root
        Its address.
    options
        What the recipe says of it.

    Attributes
    ----------
    digests
        Whether its ETags are digests of contents where they look like one: encryption by a key of KMS makes
        them something else.
    conditions
        Whether it heeds the condition of a put; ``None`` until that was tried.
    """

    def __init__(self, root: Address, options: StoreOptions) -> None:
        self.root = root
        self.options = options
        self.counter = counter_of(str(root))
        self.attempts = Attempts(options.attempts, options.connections, self.counter, self.renew)
        self.digests = True
        self.conditions: bool | None = None
        self._clients: dict[int, Client] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Bucket({str(self.root)!r})"

    @property
    def client(self) -> Client:
        """The client, which makes each request once."""
        return self._made(0)

    @property
    def uploads(self) -> Client:
        """The client of uploads in parts, which makes the request of each part again itself."""
        return self._made(self.options.attempts - 1)

    def renew(self) -> None:
        """Forget the clients, and with them the credentials that they have."""
        with self._lock:
            self._clients.clear()

    def _made(self, retries: int) -> Client:
        with self._lock:
            if retries not in self._clients:
                self._clients[retries] = connect(self.root, self.options, retries=retries)
            return self._clients[retries]


_buckets: dict[tuple[Address, StoreOptions], Bucket] = {}
_lock = threading.Lock()


def bucket_of(address: Address) -> Bucket:
    """Return the bucket of an address: one a process, for the same options."""
    root = Address(address.scheme, address.root)
    key = (root, options_for(address))
    with _lock:
        if key not in _buckets:
            _buckets[key] = Bucket(*key)
        return _buckets[key]


def forget_buckets() -> None:
    """Forget all clients: the variables that they were made of have changed."""
    with _lock:
        _buckets.clear()
