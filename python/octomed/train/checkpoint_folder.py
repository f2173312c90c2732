"""The folder of a run's checkpoints, on a disk or in an object store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from composer.utils.file_helpers import maybe_create_object_store_from_uri, parse_uri

from octomed.store import LocalStore

if TYPE_CHECKING:
    from composer.utils import ObjectStore

    from octomed.store import Files


def open_folder(address: str) -> Files:
    """Return the folder at a path or an address of an object store; it need not exist."""
    store = maybe_create_object_store_from_uri(address)
    if store is None:
        return LocalStore(Path(address), through_links=True)
    return ComposerStore(store, parse_uri(address)[2])


class ComposerStore:
    """Files in an object store, as Composer's client reaches it.

    That client reads objects whole, deletes none and knows no locks, so these are `Files` and no `Store`.

    Parameters
    ----------
    store
        The client.
    folder
        Where in the bucket they are.
    """

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self.store = store
        self.prefix = f"{folder.rstrip('/')}/"

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with a prefix."""
        return sorted(key.removeprefix(self.prefix) for key in self.store.list_objects(self.prefix + prefix))

    def size(self, name: str) -> int | None:
        """Return a file's bytes."""
        try:
            return self.store.get_object_size(self.prefix + name)
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "file")
            self.store.download_object(self.prefix + name, file)
            return file.read_bytes()

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "file")
            file.write_bytes(data)
            self.store.upload_object(self.prefix + name, file)
