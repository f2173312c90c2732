"""Files of a web server: read by ranges, or fetched whole where the server knows none, and never listed."""

from __future__ import annotations

import base64
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError

from octomed.errors import RecipeError
from octomed.stores.address import Address, signed_path, user_of
from octomed.stores.bucket import Answer, Bucket
from octomed.stores.connecting import connect_web
from octomed.stores.faults import BadAnswer, fault_of_error, refuse_page
from octomed.stores.options import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore import GetOptions, GetResult, ObjectMeta
    from obstore.store import HTTPStore

    from octomed.stores.options import StoreOptions

__all__ = ["WebBucket"]


class WebBucket(Bucket):
    """The files of a web server.

    Parameters
    ----------
    root
        Scheme, host and port.
    options
        What the recipe says of it.
    """

    def __init__(self, root: Address, options: StoreOptions) -> None:
        super().__init__(root, options)
        self._stores: dict[str, HTTPStore] = {}
        self._copies: dict[str, tuple[Any, ObjectMeta]] = {}
        self._ranges = False
        self._making = threading.Lock()
        self._copying = threading.Lock()

    def renew(self) -> None:
        """Forget the clients."""
        with self._making:
            self._stores.clear()

    def head(self, key: str) -> ObjectMeta:
        """Return what is said of a file to who asks for its first byte: many do not answer `HEAD`."""
        try:
            meta = self._asked(key, {"range": (0, 1)}).meta
        except BaseError as error:
            if fault_of_error(error).kind not in {"whole", "beyond"}:
                raise
        else:
            self._ranges = True
            return meta
        return self._whole(key).meta

    def get(self, key: str, options: GetOptions) -> Answer:
        """Return a range of a file: out of a local copy where the server sends files only whole."""
        if key not in self._copies:
            try:
                got = self._asked(key, options)
            except BaseError as error:
                if fault_of_error(error).kind != "whole":
                    raise
            else:
                self._ranges = True
                start, end = got.range
                return Answer(bytes(got.bytes()), got.meta, got.attributes, end - start)
        return self._of_copy(key, options)

    def listed(self, prefix: str) -> Iterator[ObjectMeta]:
        """Refuse: the web has no folders."""
        address = self.root.child(prefix.rstrip("/"))
        raise RecipeError(f"`{address}`: a web server lists no folder", "name each file")

    def check_existence(self) -> None:
        """Do nothing: a server that answers is there."""

    def version(self, meta: ObjectMeta) -> str | None:
        """Return the ETag, else the time, else nothing."""
        if meta["e_tag"] is not None:
            return meta["e_tag"]
        modified = meta["last_modified"]
        return f"modified {modified.isoformat()}" if modified.timestamp() > 0 else None

    def _asked(self, key: str, options: GetOptions) -> GetResult:
        store, path = self._target(key)
        return obstore.get(store, path, options=options)

    def _whole(self, key: str) -> GetResult:
        """Ask for a whole file, unless the server has sent ranges of files: then somebody else answers."""
        got = self._asked(key, {})
        if self._ranges and got.meta["size"]:
            raise BadAnswer("a whole file came in place of a range")
        refuse_page(key, got.attributes)
        return got

    def _target(self, key: str) -> tuple[HTTPStore, str]:
        """Return a client and what to ask it for: one with a query has a single file."""
        signed = signed_path(Address(self.root.scheme, self.root.root, key))
        url = "/".join(filter(None, [f"{self.root.scheme}://{self.root.root}", signed]))
        user = base64.b64encode(user_of(self.root).encode()).decode()
        with self._making:
            if url not in self._stores:
                headers = {"authorization": f"Basic {user}"} if user else None
                self._stores[url] = connect_web(url, self.options, headers)
            return self._stores[url], "" if signed else key

    def _of_copy(self, key: str, options: GetOptions) -> Answer:
        with self._copying:
            if key not in self._copies:
                self._copies[key] = self._copied(key)
            file, meta = self._copies[key]
            wanted: Any = options["range"]
            start, end = wanted if isinstance(wanted, tuple) else (wanted["offset"], meta["size"])
            file.seek(start)
            data = file.read(max(min(end, meta["size"]) - start, 0))
        return Answer(data, meta, {}, len(data))

    def _copied(self, key: str) -> tuple[Any, ObjectMeta]:
        got = self._whole(key)
        scratch = scratch_folder()
        scratch.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=scratch, prefix="whole-")  # noqa: SIM115 kept as long as the process
        for piece in got.stream():
            file.write(piece)
        if file.tell() != got.meta["size"]:
            raise BadAnswer(f"{file.tell()} bytes came in place of {got.meta['size']}")
        return file, got.meta
