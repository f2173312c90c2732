"""A bucket or container as its stores share it in a process: a client, a number of connections, counts."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import obstore

from octomed.errors import StorageError
from octomed.stores.attempts import Attempts, Failed
from octomed.stores.connecting import connect
from octomed.stores.faults import BadAnswer
from octomed.stores.listing import listed_keys
from octomed.stores.traffic import counter_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from obstore import GetOptions, ObjectMeta

    from octomed.stores.address import Address
    from octomed.stores.connecting import Client
    from octomed.stores.options import StoreOptions

__all__ = ["Answer", "Bucket"]

_PATIENCE_OF_UPLOADS = 4
"""How much longer an answer may take where up to 32 MiB are sent before it: 1 Mbit/s is enough, at 60 s."""


class Answer(NamedTuple):
    """What came of an object.

    Attributes
    ----------
    data
        The bytes that were asked for.
    meta
        The whole object: size and ETag.
    attributes
        Headers, by name.
    expected
        How many bytes the answer said that it had.
    """

    data: bytes
    meta: ObjectMeta
    attributes: Mapping[str, str]
    expected: int


class Bucket:
    """A bucket or container, and its clients, which are made when they are needed.

    Its methods make a request once, and raise what obstore raises; `attempts` makes them again.

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
        self._exists = False
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Bucket({str(self.root)!r})"

    @property
    def client(self) -> Client:
        """The client, which makes each request once."""
        return self._made("requests")

    @property
    def whole_uploads(self) -> Client:
        """The client of large uploads in one piece: nothing is answered until the last byte is sent."""
        return self._made("whole uploads")

    @property
    def uploads(self) -> Client:
        """The client of uploads in parts, which makes the request of each part again itself."""
        return self._made("uploads in parts")

    def renew(self) -> None:
        """Forget the clients, and with them the credentials that they have."""
        with self._lock:
            self._clients.clear()

    def head(self, key: str) -> ObjectMeta:
        """Return what is said of an object."""
        return _checked(obstore.head(self.client, key))

    def get(self, key: str, options: GetOptions) -> Answer:
        """Return an object, or a range of it."""
        got = obstore.get(self.client, key, options=options)
        start, end = got.range
        return Answer(bytes(got.bytes()), _checked(got.meta), got.attributes, end - start)

    def listed(self, prefix: str) -> Iterator[ObjectMeta]:
        """Yield the objects whose keys begin with a prefix, in order; pages are asked for again."""
        return listed_keys(self.root, self.attempts, lambda: self.client, prefix)

    def version(self, meta: ObjectMeta) -> str | None:
        """Return what changes with an object's content, quoted as conditions have it; Azure lists it bare."""
        tag = meta["e_tag"]
        return tag if tag is None or tag.endswith('"') else f'"{tag}"'

    def is_version(self, meta: ObjectMeta, version: str) -> bool:
        """Say whether an answer is of a version of an object."""
        return self.version(meta) == version

    def get_ready(self) -> None:
        """Do what has to be done once before objects are asked for."""

    def check_existence(self) -> None:
        """Raise where there is no such bucket: an answer to `HEAD` does not say what is not there.

        Raises
        ------
        StorageError
            When it is not there.
        """
        if self._exists:
            return
        try:
            self.attempts.run(lambda: next(obstore.list(self.client, chunk_size=1), None))
        except Failed as failed:
            if failed.fault.kind == "no_bucket":
                raise failed.error("reach", str(self.root)) from None
        self._exists = True

    def check_writable(self) -> None:
        """Raise where nothing is written."""
        if self.root.scheme in {"hf", "https", "http"}:
            raise StorageError(
                f"`{self.root}` is only read", "write to a folder, or to `s3://`, `gs://` or `az://`"
            )

    def _made(self, use: str) -> Client:
        retries = self.options.attempts - 1 if use == "uploads in parts" else 0
        patience = 1 if use == "requests" else _PATIENCE_OF_UPLOADS
        with self._lock:
            if use not in self._clients:
                options = replace(self.options, timeout=self.options.timeout * patience)
                self._clients[use] = connect(self.root, options, retries=retries)
            return self._clients[use]


def _checked(meta: ObjectMeta) -> ObjectMeta:
    """Refuse an answer without an ETag, which every such store gives: it is of something in between."""
    if meta["e_tag"] is None:
        raise BadAnswer("an answer without an ETag came")
    return meta
