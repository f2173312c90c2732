"""The folder of a run's checkpoints, on a disk or in an object store, behind the same four questions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from composer.utils.file_helpers import maybe_create_object_store_from_uri, parse_uri

from octomed.storage import make_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from composer.utils import ObjectStore


class CheckpointFolder(Protocol):
    """What is asked of it; names are relative to it, with slashes."""

    def names(self) -> list[str]:
        """Return the names of all files, in no order."""

    def size(self, name: str) -> int | None:
        """Return a file's bytes, or None where there is none."""

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""


def open_folder(address: str) -> CheckpointFolder:
    """Return the folder at a path or an address of an object store; it need not exist."""
    store = maybe_create_object_store_from_uri(address)
    return _OnDisk(Path(address)) if store is None else _InStore(store, parse_uri(address)[2])


class _OnDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return [path.relative_to(self.folder).as_posix() for path in self._files()]

    def size(self, name: str) -> int | None:
        path = self.folder / name
        return path.stat().st_size if path.is_file() else None

    def read(self, name: str) -> bytes | None:
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, data: bytes) -> None:
        make_folder(self.folder)
        write_atomically(self.folder / name, data)

    def _files(self) -> Iterator[Path]:
        """Yield the files, and those of folders in it: a sharded checkpoint is one."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            yield from path.iterdir() if path.is_dir() else (path,)


class _InStore:
    def __init__(self, store: ObjectStore, folder: str) -> None:
        self.store = store
        self.prefix = f"{folder.rstrip('/')}/"

    def names(self) -> list[str]:
        return [key.removeprefix(self.prefix) for key in self.store.list_objects(self.prefix)]

    def size(self, name: str) -> int | None:
        try:
            return self.store.get_object_size(self.prefix + name)
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes | None:
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "file")
            try:
                self.store.download_object(self.prefix + name, file)
            except FileNotFoundError:
                return None
            return file.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "file")
            file.write_bytes(data)
            self.store.upload_object(self.prefix + name, file)
