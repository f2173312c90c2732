"""What a run has finished in its output folder, under the key it was written for."""

from __future__ import annotations

import contextlib
import re
import stat
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.leftovers import FILES_OF_TABLES, files_of_run, is_of_run, is_temporary
from octomed.mds_index import INDEX
from octomed.names import shown
from octomed.pipeline.difference import About, about_finished_run, difference
from octomed.pipeline.manifest_file import (
    MANIFEST,
    NAME,
    FileRecord,
    ManifestFile,
    ShardRecord,
    digest_of,
    is_name_of_run,
    load_manifest,
    unpacked_name,
)
from octomed.plain_names import delete_below, delete_empty_parent, leads_out
from octomed.run_file import RUN_FILE, RunFile, load_run_file
from octomed.state import Damaged, NotThere, there
from octomed.storage import LOCK_NAME, Mode, give_mode, refuse_link, storage_error, write_json
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LEAST_SECONDS_BETWEEN_NOTES = 0.25
_NOTES_SHARE = 50
"""A note waits for the disk, and one of many shards takes long: the next waits so many times as long, which
bounds what notes cost. One that is lost costs the shards since the last, which are written again."""


_MISSING = "it is missing"


@dataclass
class Manifest:
    """Finished files of an output folder, while a run adds to them.

    Attributes
    ----------
    folder
        The output folder.
    key, shards, files, begun
        As in `ManifestFile`.
    replaces
        The other run in the folder, whose files go when this one begins to write.
    about
        What the run is made of (``difference.about_run``), for the message that refuses another.
    mode
        Who may read what is written to the folder.
    forgotten
        Finished files that are missing or of another size, and are made again.
    damaged
        What is to be told of the manifest that was found, where it did not read.
    """

    folder: Path
    key: str
    shards: dict[str, ShardRecord] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)
    begun: tuple[str, ...] = ()
    replaces: Manifest | None = None
    about: About = field(default_factory=About)
    mode: Mode = "umask"
    forgotten: list[str] = field(default_factory=list)
    damaged: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next_note: float = 0.0

    @classmethod
    def open(
        cls,
        folder: Path,
        key: str,
        *,
        replace: bool,
        about: About | None = None,
        replacing: str = "--replace",
    ) -> Manifest:
        """Read the folder's manifest, or begin one (after :func:`refuse_foreign_files`).

        Parameters
        ----------
        folder
            The output folder.
        key
            Content key of the run.
        replace
            Whether another run there goes.
        about
            What the run is made of.
        replacing
            What to run to have another run go, for the hint.

        Raises
        ------
        RecipeError
            When the folder holds another run and ``replace`` is off. A run that ended before it wrote
            anything stands in nobody's way: its recipe may be mended and run again.
        """
        found = _load(folder)
        fresh = cls(folder, key, about=about or About())
        if isinstance(found, NotThere):
            return fresh
        if isinstance(found, Damaged):
            fresh._take_over(found, replacing, replace=replace)
            return fresh
        manifest = cls(folder, found.key, found.shards, found.files, found.begun)
        if manifest.key == key:
            manifest.about = fresh.about
            manifest._forget_missing()
            return manifest
        if not (manifest.shards or manifest.files or manifest.begun or _ours(folder)):
            return fresh
        if not replace:
            raise RecipeError(
                f"`{folder}` holds a run {difference(_about(folder, found), fresh.about)}",
                f"`{replacing}` deletes that run's files first; or choose another `output.path`",
            )
        fresh.replaces = manifest
        return fresh

    def _take_over(self, manifest: Damaged, replacing: str, *, replace: bool) -> None:
        """Begin anew in a folder whose manifest does not read: all that it may have named goes first.

        That is what has a name that only a run gives; where `octomed.json` says that another run ended there,
        only if it may be replaced.
        """
        run = there(load_run_file(self.folder))
        if run is not None and run.run.write_key != self.key and not replace:
            why = "is missing" if manifest.what == _MISSING else "does not read"
            raise RecipeError(
                f"`{shown(str(self.folder))}` holds another run, and its manifest {why}",
                f"`{replacing}` deletes that run's files first; or choose another `output.path`",
            )
        missing = manifest.what == _MISSING
        self.damaged = (
            f"`{shown(manifest.file)}` was missing and is made again" if missing else manifest.note()
        )
        files = {name: FileRecord((self.folder / name).lstat().st_size) for name in files_of_run(self.folder)}
        self.replaces = Manifest(self.folder, "", files=files) if files else None

    def begin(self, shards: list[str], streams: Iterable[str] = ()) -> None:
        """Delete what this run replaces, and note the shards that it is about to write to its streams.

        What a reader unpacked of an earlier file of theirs goes now: Streaming would read it for the new one.

        Raises
        ------
        StorageError
            When a link stands where something will be written; nothing is deleted then.
        """
        self._refuse_links(streams)
        if self.replaces is not None:
            self.replaces.delete_files()
            self.replaces = None
        for name in filter(None, map(unpacked_name, shards)):
            _delete(self.folder, name)
        self.begun = tuple(shards)
        self.write()

    def _refuse_links(self, streams: Iterable[str]) -> None:
        """Refuse links in the folders that are written to, save those that this run deletes first."""
        gone = self.replaces.names() if self.replaces is not None else set()
        folders = (*streams, *FILES_OF_TABLES)
        inside = (f"{folder}/{path.name}" for folder in folders for path in (self.folder / folder).glob("*"))
        files = (name for name in (RUN_FILE, *inside) if is_name_of_run(name) and name not in gone)
        for name in (NAME, *folders, *files):
            with _naming("write to" if name in folders else "write", self.folder / name):
                refuse_link(self.folder / name)

    def give_mode(self, mode: Mode) -> None:
        """Write with a mode from now on, and give it to what stands."""
        self.mode = mode
        names = [*self.shards, *self.files]
        for name in [*names, *{parent for name in names if (parent := name.rpartition("/")[0])}]:
            give_mode(self.folder / name, mode)

    def _forget_missing(self) -> None:
        """Forget what is not there or not as large; without a digest of it, too little is known to go on."""

        def stands(name: str, record: FileRecord) -> bool:
            return record.digest is not None and _stands(self.folder, name, record.bytes)

        names = [*self.shards, *self.files]
        self.shards = {name: shard for name, shard in self.shards.items() if stands(name, shard.record)}
        self.files = {name: record for name, record in self.files.items() if stands(name, record)}
        self.forgotten = [name for name in names if name not in self.shards and name not in self.files]

    def delete_files(self) -> None:
        """Delete the files that this manifest names and what was unpacked of its shards, and only those.

        The manifest itself stays until the next one takes its place: without one, what a user put into the
        folder would make it a folder that no run wrote.
        """
        for name in sorted(self.names()):
            _delete(self.folder, name)
            delete_empty_parent(self.folder, name)

    def names(self) -> set[str]:
        """Return the names of its files, finished and begun, and of what was unpacked of its shards."""
        shards = [*self.shards, *self.begun]
        return {RUN_FILE, *shards, *filter(None, map(unpacked_name, shards)), *self.files}

    def add_shard(self, name: str, shard: ShardRecord) -> None:
        """Note a finished shard; what a kill loses of these notes is made again, byte for byte."""
        with self._lock:
            self.shards[name] = shard
            if time.monotonic() >= self._next_note:
                self._write()

    def add_file(self, name: str) -> None:
        """Note another finished file."""
        record = FileRecord(*_octomed.file_digest(str(self.folder / name)))
        with self._lock:
            self.files[name] = record

    def write(self) -> None:
        """Write the manifest now; not over that of a run whose files are still there."""
        with self._lock:
            if self.replaces is None:
                self._write()

    def finish(self) -> str:
        """Write the manifest for the last time, and return the digest of its file."""
        self.write()
        _, digest = _octomed.file_digest(str(self.folder / NAME))
        return str(digest)

    def _write(self) -> None:
        about = replace(self.about, inputs=None)
        stored = ManifestFile(self.key, dict(self.shards), dict(self.files), self.begun, about)
        begin = time.monotonic()
        write_json(self.folder / NAME, MANIFEST.signed(plain(stored)), mode=self.mode)
        end = time.monotonic()
        self._next_note = end + max(_LEAST_SECONDS_BETWEEN_NOTES, _NOTES_SHARE * (end - begin))


def _load(folder: Path) -> ManifestFile | NotThere | Damaged:
    """Read the manifest; one that is missing beside the file of a finished run is a damaged one."""
    found = load_manifest(folder)
    if isinstance(found, NotThere) and there(load_run_file(folder)) is not None:
        return Damaged(found.file, _MISSING, MANIFEST.hint)
    return found


def _delete(folder: Path, name: str) -> None:
    with _naming("delete", folder / name):
        delete_below(folder, name)


@contextlib.contextmanager
def _naming(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(action, path, error) from error


def _about(folder: Path, manifest: ManifestFile) -> About:
    """Return what the run in a folder is made of: as its manifest notes it, or its `octomed.json`."""
    run = there(load_run_file(folder))
    if run is not None and run.run.write_key == manifest.key:
        return manifest.about.or_else(about_finished_run(run))
    return manifest.about


def _ours(folder: Path) -> list[str]:
    """Names in the folder that only a run gives."""
    names = [RUN_FILE, "provenance", "rejects", *sorted(path.name for path in folder.glob("len-*"))]
    return [name for name in names if (folder / name).exists()]


def refuse_foreign_files(folder: Path, *, store: Path) -> None:
    """Refuse a folder in which no run has begun and which is not empty; nothing is written to look.

    Parameters
    ----------
    folder
        The output folder; it need not exist.
    store
        The working store, which may lie in the output folder.

    Raises
    ------
    RecipeError
        When there is no manifest, and anything but the run's lock file and its working store.
    StorageError
        When the folder cannot be listed, or its manifest does not read and there is anything but what a run
        writes.
    """
    manifest = _load(folder)
    if not isinstance(manifest, NotThere | Damaged):
        return
    try:
        found = [path for path in folder.iterdir() if not _own(path.name) and not _leads_to(store, path)]
        # Where a manifest was, and does not read, what only a run makes is its run's.
        foreign = found if isinstance(manifest, NotThere) else [path for path in found if not is_of_run(path)]
    except (FileNotFoundError, NotADirectoryError):  # a file in its place is found when the folder is made
        return
    except OSError as error:
        raise storage_error("read", folder, error) from error
    if foreign and isinstance(manifest, Damaged) and manifest.what != _MISSING:
        name = shown(min(foreign).name)
        raise manifest.error(f"move `{name}` away, which no run wrote, or choose another `output.path`")
    if foreign:
        raise RecipeError(
            f"the output folder `{folder}` already holds `{min(foreign).name}`, "
            "and no manifest says that a run wrote there",
            "choose a new or an empty folder for `output.path`",
        )


def _own(name: str) -> bool:
    """Tell the lock and the manifest, one that is not whole too, from files that are not the run's."""
    return name == LOCK_NAME or name.startswith(NAME) or is_temporary(name, re.escape(NAME))


def _leads_to(store: Path, path: Path) -> bool:
    return store.resolve().is_relative_to(path.resolve())


def is_finished(folder: Path, run: RunFile) -> bool:
    """Tell whether every file stands that a run file and its manifest name, by listing and sizes.

    A link is no file of a run, wherever it leads: what it leads to was not checked when it was written.
    """
    if any((folder / name).is_symlink() for name in (NAME, RUN_FILE)):
        return False
    found = there(load_manifest(folder))
    if found is None or found.key != run.run.write_key or len(found.shards) != run.shards:
        return False
    if run.has_digests and digest_of(folder, NAME) != run.run.manifest:
        return False
    for name, stream in run.streams.items():
        if stream.index not in {None, digest_of(folder, f"{name}/{INDEX}")}:
            return False
    records = {name: record for name, record in found.records.items() if name != RUN_FILE}
    names = set(run.run.files or ()) | {f"{name}/{INDEX}" for name in run.streams}
    return names <= records.keys() and all(_stands(folder, name, one.bytes) for name, one in records.items())


def _stands(folder: Path, name: str, size: int) -> bool:
    with contextlib.suppress(OSError):
        found = (folder / name).lstat()
        whole = stat.S_ISREG(found.st_mode) and found.st_size == size
        return whole and not leads_out(folder, name)
    return False
