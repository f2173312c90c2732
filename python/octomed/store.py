"""Stores: named files that are complete or not there, whatever holds them.

A name is relative to its store, with slashes between its parts. Folders come and go with the files in them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from octomed.errors import StorageError
from octomed.names import shown
from octomed.plain_names import delete_below, fault_of, path_below
from octomed.storage import (
    LOCK_NAME,
    Mode,
    atomic_file,
    is_temporary_name,
    locked,
    make_folder,
    make_folder_inside,
    storage_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from octomed.storage import Lock


class Files(Protocol):
    """What any store of files can do.

    What its methods raise besides: `StorageError` where the store refuses or fails, or a name is not plain.
    """

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all files that begin with a prefix, in order; none where nothing is stored."""

    def size(self, name: str) -> int | None:
        """Return a file's bytes, or ``None`` where there is none."""

    def read(self, name: str) -> bytes:
        """Return what a file holds; raises `FileNotFoundError` where there is none."""

    def put(self, name: str, data: bytes) -> None:
        """Write a file that appears complete or not at all, in place of one of that name."""


class Held(Protocol):
    """A store that is held."""

    def alone(self) -> bool:
        """Hold it alone from now on, where nobody else holds it; say whether that is so."""


class Store(Files, Protocol):
    """A store that a run is read from and written to."""

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Return bytes of a file, fewer where it ends before; raises `FileNotFoundError`."""

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file as `put` does, piece by piece; it is there when the block has ended."""

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where there is none."""

    def lock(self, *, exclusive: bool, busy: str) -> AbstractContextManager[Held]:
        """Hold the store while the block runs; raises `RecipeError(busy)` where another process does."""


@dataclass(frozen=True)
class LocalStore:
    """A folder, which need not exist before something is written.

    Attributes
    ----------
    folder
        The folder.
    mode
        Who may read what is written.
    through_links
        Whether links in it may lead elsewhere when they are read: hubs keep downloaded files as links to a
        store of their own. Nothing is written or deleted through a link.
    """

    folder: Path
    mode: Mode = "umask"
    through_links: bool = False

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with a prefix; the lock and unfinished files are none."""
        folder = prefix.rpartition("/")[0]
        if folder and fault_of(folder) is not None:
            return []
        found = []
        for parent, _, files in os.walk(self.folder / folder, onerror=_raise):
            inside = os.path.relpath(parent, self.folder)
            names = (name if inside == "." else f"{inside}/{name}" for name in files if not _is_own(name))
            found += [name for name in names if name.startswith(prefix)]
        return sorted(found)

    def size(self, name: str) -> int | None:
        """Return a file's bytes; what is no regular file is none."""
        try:
            found = path_below(self.folder, name, through_links=self.through_links).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error("read", self.folder / name, error) from error
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        with self._opened(name) as file:
            return file.read()

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Return bytes of a file."""
        with self._opened(name) as file:
            file.seek(start)
            return file.read(length)

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        with self.writing(name) as file:
            file.write(data)

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file piece by piece; its folders are made."""
        self._check(name)
        make_folder(self.folder, self.mode)
        make_folder_inside(self.folder, name.rpartition("/")[0], self.mode)
        return atomic_file(self.folder / name, mode=self.mode)

    def delete(self, name: str) -> None:
        """Delete a file, a link as such; its folder stays."""
        self._check(name)
        try:
            delete_below(self.folder, name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error("delete", self.folder / name, error) from error

    def lock(self, *, exclusive: bool, busy: str) -> AbstractContextManager[Lock]:
        """Hold the folder; a dead process holds none."""
        return locked(self.folder / LOCK_NAME, exclusive=exclusive, busy=busy, mode=self.mode)

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        try:
            with path_below(self.folder, name, through_links=self.through_links).open("rb") as file:
                yield file
        except FileNotFoundError:
            raise
        except NotADirectoryError as error:
            raise missing(str(self.folder / name)) from error
        except OSError as error:
            raise storage_error("read", self.folder / name, error) from error

    def _check(self, name: str) -> None:
        """Refuse a name that is not one below the folder."""
        fault = fault_of(name)
        if fault is not None:
            raise StorageError(f"`{shown(str(self.folder))}`: the name `{shown(name)}` {fault}")


class StoredFile(io.RawIOBase):
    """A file of a store, opened to be read in any order: what asks for a part of it reads no more."""

    def __init__(self, store: Store, name: str) -> None:
        size = store.size(name)
        if size is None:
            raise missing(name)
        self._store, self._name, self._size, self._place = store, name, size, 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = begin + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """Read from the place on."""
        left = max(self._size - self._place, 0)
        length = left if size is None or size < 0 else min(size, left)
        data = self._store.read_range(self._name, self._place, length)
        self._place += len(data)
        return data


def missing(name: str) -> FileNotFoundError:
    """Return the error for a file that is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def _is_own(name: str) -> bool:
    return name == LOCK_NAME or is_temporary_name(name)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise storage_error("read", Path(error.filename), error) from error
