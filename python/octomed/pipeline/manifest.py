"""What a run has finished in its output folder, under the key it was written for."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.leftovers import FILES_OF_TABLES, files_of_run
from octomed.names import shown
from octomed.pipeline.difference import About, about_finished_run, difference
from octomed.pipeline.manifest_file import (
    MANIFEST,
    MISSING,
    NAME,
    FileRecord,
    ManifestFile,
    ShardRecord,
    is_name_of_run,
    is_there,
    load_manifest_of,
    unpacked_name,
)
from octomed.plain_names import delete_below, delete_empty_parent
from octomed.run_file import RUN_FILE, RunFile
from octomed.state import Damaged, NotThere
from octomed.storage import Mode, give_mode, refuse_link, storage_error, write_json
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LEAST_SECONDS_BETWEEN_NOTES = 0.25
_NOTES_SHARE = 50
"""A note waits for the disk, and one of many shards takes long: the next waits so many times as long, which
bounds what notes cost. One that is lost costs the shards since the last, which are written again."""


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
    def open(  # noqa: PLR0913 what is asked for, and what is there
        cls,
        folder: Path,
        key: str,
        *,
        run: RunFile | None = None,
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
        run
            What the folder's run file says, where there is a sound one.
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
        found = load_manifest_of(folder, is_finished=run is not None)
        fresh = cls(folder, key, about=about or About())
        if isinstance(found, NotThere):
            return fresh
        if isinstance(found, Damaged):
            fresh._take_over(found, run, replacing, replace=replace)
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
                f"`{folder}` holds a run {difference(_about(found, run), fresh.about)}",
                f"`{replacing}` deletes that run's files first; or choose another `output.path`",
            )
        fresh.replaces = manifest
        return fresh

    def _take_over(self, manifest: Damaged, run: RunFile | None, replacing: str, *, replace: bool) -> None:
        """Begin anew in a folder whose manifest does not read: all that it may have named goes first.

        That is what has a name that only a run gives; where `octomed.json` says that another run ended there,
        only if it may be replaced.
        """
        if run is not None and run.run.write_key != self.key and not replace:
            why = "is missing" if manifest.what == MISSING else "does not read"
            raise RecipeError(
                f"`{shown(str(self.folder))}` holds another run, and its manifest {why}",
                f"`{replacing}` deletes that run's files first; or choose another `output.path`",
            )
        missing = manifest.what == MISSING
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

        def is_kept(name: str, record: FileRecord) -> bool:
            return record.digest is not None and is_there(self.folder, name, record.bytes)

        names = [*self.shards, *self.files]
        self.shards = {name: shard for name, shard in self.shards.items() if is_kept(name, shard.record)}
        self.files = {name: record for name, record in self.files.items() if is_kept(name, record)}
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

    def add(self, shards: Mapping[str, ShardRecord], tables: Mapping[str, FileRecord]) -> None:
        """Note the files of a range, and write that down now."""
        with self._lock:
            self.shards |= shards
            self.files |= tables
        self.write()

    @property
    def bytes_there(self) -> int:
        """Bytes of the shards that are there, those of a run that this one replaces included."""
        shards = (self.replaces or self).shards
        return sum(shard.info.file.bytes for shard in shards.values())

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


def _delete(folder: Path, name: str) -> None:
    with _naming("delete", folder / name):
        delete_below(folder, name)


@contextlib.contextmanager
def _naming(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(action, path, error) from error


def _about(manifest: ManifestFile, run: RunFile | None) -> About:
    """Return what the run in a folder is made of: as its manifest notes it, or its `octomed.json`."""
    if run is not None and run.run.write_key == manifest.key:
        return manifest.about.or_else(about_finished_run(run))
    return manifest.about


def _ours(folder: Path) -> list[str]:
    """Names in the folder that only a run gives."""
    names = [RUN_FILE, "provenance", "rejects", *sorted(path.name for path in folder.glob("len-*"))]
    return [name for name in names if (folder / name).exists()]
