"""Runs at addresses: their state files are here, and others as long as they are looked at."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from octomed.errors import DataError, RecipeError, StorageError
from octomed.mds_index import INDEX, read_index
from octomed.names import shown
from octomed.pipeline.output.manifest_file import NAME, load_manifest
from octomed.run_file import RUN_FILE
from octomed.state import there
from octomed.storage import LOCK_NAME, locked, make_folder
from octomed.urls import join

if TYPE_CHECKING:
    from octomed.store import Store
    from octomed.stores.client import ObjectStore
    from octomed.stores.objects import StoredObject

_CHUNK_BYTES = 8 * 2**20
_AT_ONCE = 8
_PREFIX = "run-"
_NOT_LISTED = ("http", "https")
"""Schemes of places that cannot say what they hold."""


def open_far_run(address: str) -> FarRun:
    """Open a run at an address; its folder here is removed when the process ends.

    Raises
    ------
    RecipeError
        When the address is none of a store.
    StorageError
        When the store cannot be reached, or there is no such bucket.
    """
    from octomed.stores.client import open_store  # noqa: PLC0415 where an address is met
    from octomed.stores.options import scratch_folder  # noqa: PLC0415

    store = open_store(address)
    make_folder(scratch_folder(), "owner")
    _remove_left(scratch_folder())
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=scratch_folder()))
    held = contextlib.ExitStack()
    held.enter_context(locked(folder / LOCK_NAME, exclusive=True, busy=""))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    far = FarRun(store, folder, held)
    for name in (RUN_FILE, NAME):
        with contextlib.suppress(FileNotFoundError):
            far.fetch(name)
    if far.is_listed and not (folder / RUN_FILE).exists():
        next(far.store.listed(), None)  # says so, where there is no such bucket
    return far


def _remove_left(scratch: Path) -> None:
    """Remove what killed processes left: a living one holds the lock of its folder."""
    for folder in scratch.glob(f"{_PREFIX}*"):
        with (
            contextlib.suppress(RecipeError, StorageError),
            locked(folder / LOCK_NAME, exclusive=True, busy=""),
        ):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class FarRun:
    """A run at an address.

    Attributes
    ----------
    store
        The files at the address.
    folder
        The local folder with what was fetched of them.
    held
        The lock of that folder, which tells others that this process lives.
    """

    store: ObjectStore
    folder: Path
    held: contextlib.ExitStack

    @property
    def is_listed(self) -> bool:
        """Whether the place can say which files it holds."""
        return self.store.address.scheme not in _NOT_LISTED

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.held.close()

    def place(self, name: str = "") -> str:
        """Return the address, or that of a file of the run."""
        return join(str(self.store.address), *filter(None, [name]))

    @cached_property
    def objects(self) -> dict[str, StoredObject]:
        """What is at the address, by name; where that cannot be listed, the files that the run names."""
        if self.is_listed:
            return {one.name: one for one in self.store.listed()}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(self.store.head, self.named())
            return {one.name: one for one in found if one is not None}

    def look_again(self) -> None:
        """Forget what is at the address, after something was written there."""
        self.__dict__.pop("objects", None)

    def named(self) -> list[str]:
        """Return the names that the manifest has."""
        manifest = there(load_manifest(self.folder))
        return [] if manifest is None else sorted({*manifest.records, RUN_FILE, NAME})

    def fetch(self, name: str, to: Path | None = None) -> Path:
        """Fetch a file, and return where it is here; one that is here is not fetched again.

        Parameters
        ----------
        name
            Of the file.
        to
            Where it goes, if not below the run's folder.

        Raises
        ------
        FileNotFoundError
            When there is none.
        ChangedObject
            When it changes meanwhile.
        """
        path = self.folder / name if to is None else to
        if path.exists():
            return path
        found = self.store.head(name)
        if found is None:
            raise FileNotFoundError(self.place(name))
        make_folder(path.parent)
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            for begin in range(0, found.size, _CHUNK_BYTES):
                length = min(_CHUNK_BYTES, found.size - begin)
                file.write(self.store.read_range(name, begin, length, found.version))
        part.replace(path)
        return path

    def drop(self, name: str) -> None:
        """Remove what was fetched of a file."""
        (self.folder / name).unlink(missing_ok=True)

    @property
    def files(self) -> Store:
        """The files of the run; where they cannot be listed, their names are those in the manifest."""
        return self.store if self.is_listed else cast("Store", _Named(self))

    def shard_of(self, stream: str, pack: int) -> str:
        """Return the name of the shard that has a pack.

        Raises
        ------
        DataError
            When the stream's index is missing or damaged.
        """
        name = f"{stream}/{INDEX}"
        try:
            shards = read_index(self.fetch(name).read_bytes()).shards
        except FileNotFoundError:
            raise DataError(f"`{shown(self.place(name))}` is missing") from None
        except ValueError as error:
            raise DataError(f"`{shown(self.place(name))}` is damaged: {error}") from error
        before = 0
        for shard in shards:
            before += shard.samples
            if pack < before:
                return f"{stream}/{shard.file.basename}"
        raise DataError(f"`{shown(self.place(name))}` lists {before} packs, and none of number {pack}")


class _Named:
    """The files of a run at a place that cannot list them: their names are those that the manifest has."""

    def __init__(self, far: FarRun) -> None:
        self._far = far

    def names(self, prefix: str = "") -> list[str]:
        """Return the names in the manifest that begin with a prefix."""
        return [name for name in self._far.named() if name.startswith(prefix)]

    def __getattr__(self, name: str) -> object:
        return getattr(self._far.store, name)
