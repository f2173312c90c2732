"""Targets of a run: stores and folders that its finished files are put to, and what stands there."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.file_names import PAGES, is_name_of_run
from octomed.leftovers import is_temporary
from octomed.names import shown
from octomed.pipeline.output.manifest_file import MANIFEST, MISSING, NAME, ManifestFile
from octomed.run_file import RUN_FILE, RunFile, read_run_file
from octomed.state import Damaged, NotThere, there
from octomed.storage import LOCK_NAME, Mode, make_folder
from octomed.store import LocalStore, Store
from octomed.urls import WRITTEN, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from octomed.errors import OctomedError
    from octomed.storage import Lock


class Listed(Protocol):
    """A file of a listing."""

    @property
    def name(self) -> str:
        """Its name below the target."""

    @property
    def size(self) -> int:
        """Its bytes."""


class TargetStore(Store, Protocol):
    """A store that whole files are put to."""

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """Yield the files that are there, in the order of their names."""

    def put_file(self, name: str, path: Path) -> object:
        """Put a local file; it is there, of its size, when this returns."""


class _ListedFile(NamedTuple):
    name: str
    size: int


@dataclass(frozen=True)
class FolderStore(LocalStore):
    """A folder that whole files are put to; it is made when it is locked."""

    def lock(self, *, exclusive: bool, busy: str) -> AbstractContextManager[Lock]:
        """Hold the folder."""
        make_folder(self.folder, self.mode)
        return super().lock(exclusive=exclusive, busy=busy)

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """Yield the files that are there."""
        for name in self.names(prefix):
            size = self.size(name)
            if size is not None:
                yield _ListedFile(name, size)

    def put_file(self, name: str, path: Path) -> None:
        """Copy a file, which is there when it is whole."""
        with path.open("rb") as source, self.writing(name) as file:
            shutil.copyfileobj(source, file, 2**20)


@dataclass(frozen=True)
class Held:
    """What a target holds of a run.

    Attributes
    ----------
    manifest
        Which files, and for which key.
    run
        What the run file says.
    manifest_digest
        Digest of the manifest's bytes.
    """

    manifest: ManifestFile | NotThere | Damaged
    run: RunFile | NotThere | Damaged
    manifest_digest: str | None = None


@dataclass
class Target:
    """A place that a run's files are put to.

    Attributes
    ----------
    location
        Its address or path, as messages name it.
    store
        Puts and lists files there.
    sizes
        What stands there: bytes by name, as listed and put since.
    held
        What it holds of a run, since it was looked at.
    obsolete
        Names of another run's files, which go when this run begins to write.
    failed
        Why nothing is put there any more.
    lease
        What holds it against other runs.
    """

    location: str
    store: TargetStore
    sizes: dict[str, int] = field(default_factory=dict)
    held: Held = field(default_factory=lambda: Held(NotThere(""), NotThere("")))
    obsolete: tuple[str, ...] = ()
    failed: OctomedError | None = None
    lease: object = None

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may hold it by now."""
        return bool(getattr(self.lease, "lost", False))

    def look(self) -> None:
        """List what stands there, and read what it says of a run.

        Raises
        ------
        RecipeError
            When its manifest or run file is of a newer format.
        StorageError
            When it cannot be listed or read.
        """
        self.sizes = {one.name: one.size for one in self.store.listed()}
        self.held = self._held()

    def _held(self) -> Held:
        run = self._read(RUN_FILE)
        data = self._read(NAME)
        found = (
            NotThere(self.path_of(RUN_FILE)) if run is None else read_run_file(run, self.path_of(RUN_FILE))
        )
        if data is not None:
            return Held(MANIFEST.read(data, self.path_of(NAME)), found, _octomed.digest(data))
        if there(found) is not None:  # a manifest that is missing where a run is finished is a damaged one
            return Held(Damaged(self.path_of(NAME), MISSING, MANIFEST.hint), found)
        return Held(NotThere(self.path_of(NAME)), found)

    def _read(self, name: str) -> bytes | None:
        try:
            return self.store.read(name)
        except FileNotFoundError:
            return None

    def path_of(self, name: str) -> str:
        """Return the address of a file there, for messages."""
        return f"{self.location.rstrip('/')}/{name}"

    def refuse_foreign_files(self) -> None:
        """Refuse a place in which no run has begun and which is not empty; nothing is written to look.

        Raises
        ------
        RecipeError
            When there is no manifest, and anything but the run's lock.
        StorageError
            When it cannot be listed, or its manifest is damaged and there is anything but what a run writes.
        """
        manifest = self._held().manifest
        if not isinstance(manifest, NotThere | Damaged):
            return
        damaged = isinstance(manifest, Damaged)
        names = (one.name for one in self.store.listed())
        foreign = (
            name
            for name in names
            if not _own(name) and not (damaged and (is_name_of_run(name) or name in PAGES))
        )
        name = next(foreign, None)
        if name is None:
            return
        if isinstance(manifest, Damaged) and manifest.what != MISSING:
            hint = f"move `{shown(name)}` away, which no run wrote, or choose another `output.path`"
            raise manifest.error(hint)
        message = f"the output `{shown(self.location)}` already holds `{shown(name)}`"
        hint = "choose a new or an empty place for `output.path`, and for each of `output.copies`"
        raise RecipeError(f"{message}, and no manifest says that a run wrote there", hint)

    def is_whole(self, run: RunFile) -> bool:
        """Tell whether every file is there that a run file and its manifest name, by listing and sizes."""
        manifest = there(self.held.manifest)
        if manifest is None or self.held.run != run:
            return False

        def digest(name: str) -> str | None:
            if name == NAME:
                return self.held.manifest_digest
            data = self._read(name)
            return None if data is None else _octomed.digest(data)

        def is_there(name: str, size: int) -> bool:
            return name == RUN_FILE or self.sizes.get(name) == size

        return manifest.is_whole(run, digest, is_there)


def _own(name: str) -> bool:
    """Tell the lock and the manifest, one that is not whole too, from files that are not the run's."""
    return name.startswith((LOCK_NAME, NAME)) or is_temporary(name, re.escape(NAME)) or not name


def target_at(location: str, mode: Mode) -> Target:
    """Return the target at an address, or at a path.

    Parameters
    ----------
    location
        `s3://bucket/run`, or a folder.
    mode
        Who may read what is written to a folder.

    Raises
    ------
    RecipeError
        When nothing can be written to such an address.
    """
    scheme = scheme_of(location)
    if scheme is None:
        return Target(location, FolderStore(Path(location), mode))
    if scheme not in WRITTEN:
        written = ", ".join(f"`{one}://`" for one in WRITTEN)
        raise RecipeError(
            f"a run cannot be written to `{shown(location)}`", f"write a path, or one of {written}"
        )
    from octomed.stores.client import open_store  # noqa: PLC0415 loaded only where an address is met

    return Target(location, open_store(location))
