"""What a run has finished in its output folder, under the key it was written for."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.file_names import FILES_OF_TABLES, is_name_of_run
from octomed.mds_index import INDEX
from octomed.pipeline.output.difference import About
from octomed.pipeline.output.manifest_file import (
    MANIFEST,
    NAME,
    FileRecord,
    ManifestFile,
    ShardRecord,
    is_there,
    unpacked_name,
)
from octomed.pipeline.output.pages import remove_pages
from octomed.plain_names import delete_empty_parent
from octomed.run_file import RUN_FILE
from octomed.storage import Mode, give_mode, refuse_link, storage_error, write_json
from octomed.store import LocalStore
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from octomed.pipeline.output.uploads import Uploads

_LEAST_SECONDS_BETWEEN_NOTES = 0.25
_NOTES_SHARE = 50
"""A note waits for the disk, and one of many shards takes long, a second for 10,000: the next waits so many
times as long, so that notes take 2 % of the time at most. One that is lost costs the files since the last,
which are written again."""


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
    uploads
        Puts what is finished elsewhere; what a staging folder holds is finished when it is there.
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
    uploads: Uploads | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next_note: float = 0.0

    @property
    def store(self) -> LocalStore:
        """The folder, as files are written to it."""
        return LocalStore(self.folder, self.mode)

    @property
    def is_staged(self) -> bool:
        """Whether the folder holds files only until they are uploaded."""
        return self.uploads is not None and not self.uploads.keeps

    def begin(self, shards: list[str], streams: Iterable[str] = (), tables: Iterable[str] = ()) -> None:
        """Delete what this run replaces, and note the shards that it is about to write to its streams.

        What a reader unpacked of an earlier file of theirs goes now: Streaming would read it for the new one.

        Parameters
        ----------
        shards
            Names of the shards that will be written.
        streams
            Folders that they go to.
        tables
            Names of tables that may be written, for whoever replaces a run that was uploaded in part.

        Raises
        ------
        StorageError
            When a link stands where something will be written; nothing is deleted then.
        """
        self._refuse_links(streams)
        if self.replaces is not None:
            self.replaces.delete_files()
            remove_pages(self.store)
            self.replaces = None
        for name in filter(None, map(unpacked_name, shards)):
            self.store.delete(name)
        self.begun = (*shards, *tables) if self.is_staged else tuple(shards)
        self.write()
        if self.uploads is not None:
            records = {name: record.bytes for name, record in self.records.items() if name in self.standing}
            self.uploads.begin(records, writes=bool(shards))
            if not self.is_staged:
                self._upload_standing()

    @property
    def records(self) -> dict[str, FileRecord]:
        """Size and digest of every finished file, shards and others."""
        return {name: shard.record for name, shard in self.shards.items()} | self.files

    @property
    def standing(self) -> list[str]:
        """Names of finished files, but for those that say that all others stand."""
        return [name for name in self.records if name != RUN_FILE and not name.endswith(f"/{INDEX}")]

    def _upload_standing(self) -> None:
        """Have uploaded what stood in the folder before this run."""
        records = self.records
        for name in self.standing:
            self._put(name, records[name], digest=records[name].digest)

    def _put(
        self,
        name: str,
        record: FileRecord,
        noted: Callable[[], None] | None = None,
        digest: str | None = None,
    ) -> None:
        if self.uploads is not None:
            self.uploads.put(name, record.bytes, noted or _nothing, digest)

    def _refuse_links(self, streams: Iterable[str]) -> None:
        """Refuse links in the folders that are written to, save those that this run deletes first."""
        gone = self.replaces.names() if self.replaces is not None else set()
        folders = (*streams, *(name for name in FILES_OF_TABLES if name != "reports"))  # not in every run
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

    def forget_missing(self) -> None:
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
            self.store.delete(name)
            delete_empty_parent(self.folder, name)

    def names(self) -> set[str]:
        """Return the names of its files, finished and begun, and of what was unpacked of its shards."""
        shards = [*self.shards, *self.begun]
        return {RUN_FILE, *shards, *filter(None, map(unpacked_name, shards)), *self.files}

    def add_shard(self, name: str, shard: ShardRecord) -> None:
        """Note a finished shard; what a kill loses of these notes is made again, byte for byte."""
        if self.is_staged:
            self._put(name, shard.record, lambda: self._note({name: shard}, {}))
        else:
            self._note({name: shard}, {})
            self._put(name, shard.record)

    def _note(self, shards: Mapping[str, ShardRecord], tables: Mapping[str, FileRecord]) -> None:
        with self._lock:
            self.shards |= shards
            self.files |= tables
            if time.monotonic() >= self._next_note:
                self._write()

    def add(self, shards: Mapping[str, ShardRecord], tables: Mapping[str, FileRecord]) -> None:
        """Note the files of a range."""
        if self.is_staged:
            for name, shard in shards.items():
                self.add_shard(name, shard)
            for name, record in tables.items():
                self._add_table(name, record)
            return
        self._note(shards, tables)
        written = {name: shard.record for name, shard in shards.items()} | dict(tables)
        for name, record in written.items():
            self._put(name, record)

    def _add_table(self, name: str, record: FileRecord) -> None:
        """Have a table uploaded, and note it then."""
        self._put(name, record, lambda: self._note({}, {name: record}))

    @property
    def bytes_there(self) -> int:
        """Bytes of the shards that are there, those of a run that this one replaces included."""
        shards = (self.replaces or self).shards
        return sum(shard.info.file.bytes for shard in shards.values())

    def add_file(self, name: str) -> None:
        """Note another finished file."""
        record = FileRecord(*_octomed.file_digest(str(self.folder / name)))
        if self.is_staged:
            self._add_table(name, record)
            return
        with self._lock:
            self.files[name] = record
        self._put(name, record)

    def add_last(self, name: str) -> None:
        """Note a finished file that is uploaded when all others are."""
        with self._lock:
            self.files[name] = FileRecord(*_octomed.file_digest(str(self.folder / name)))

    def publish(self) -> None:
        """Put the files that say the run is whole, once all others stand: `octomed.json` last."""
        if self.uploads is not None:
            sizes = {name: record.bytes for name, record in self.records.items()}
            indexes = sorted(name for name in self.files if name.endswith(f"/{INDEX}"))
            self.uploads.publish(sizes, [NAME, *indexes, RUN_FILE])

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


def _nothing() -> None:
    """Note nothing more of a file that is uploaded: its folder has it."""


@contextlib.contextmanager
def _naming(action: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(action, path, error) from error
