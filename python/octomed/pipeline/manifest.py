"""What a run has finished in its output folder, under the key it was written for."""

from __future__ import annotations

import contextlib
import itertools
import re
import stat
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octomed.errors import RecipeError
from octomed.leftovers import files_of_run, is_of_run, is_temporary
from octomed.pipeline.difference import about_finished_run, difference, noted
from octomed.storage import Mode, read_json, refuse_link, storage_error, write_json

NAME = ".octomed-run.json"
RUN_FILE = "octomed.json"
"""Written last: an output with this file is complete."""

LOCK_NAME = ".octomed.lock"
_LEAST_SECONDS_BETWEEN_NOTES = 0.25
_NOTES_SHARE = 50
"""A note waits for the disk, and one of many shards takes long: the next waits so many times as long, which
bounds what notes cost. One that is lost costs the shards since the last, which are written again."""


@dataclass
class Manifest:
    """Finished files of an output folder.

    Attributes
    ----------
    folder
        The output folder.
    key
        Content key of everything that decides the bytes below the folder.
    shards
        Entry of each finished shard as ``index.json`` holds it, by path relative to the folder.
    files
        Size in bytes of each other finished file, by path relative to the folder.
    begun
        Paths, relative to the folder, of shards that were missing when writing began: a killed run may
        have finished some of them and not said so.
    replaces
        The other run in the folder, whose files go when this one begins to write.
    about
        What the run is made of (``difference.about_run``), for the message that refuses another.
    mode
        Who may read what is written to the folder.
    forgotten
        Finished files that are missing or of another size, and are made again.
    read
        Whether the folder's manifest could be read, where there was one.
    """

    folder: Path
    key: str
    shards: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    replaces: Manifest | None = None
    about: dict[str, Any] = field(default_factory=dict)
    mode: Mode = "umask"
    forgotten: list[str] = field(default_factory=list)
    read: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next_note: float = 0.0

    @classmethod
    def open(
        cls,
        folder: Path,
        key: str,
        *,
        replace: bool,
        about: dict[str, Any] | None = None,
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
        found = read_json(folder / NAME)
        fresh = cls(folder, key, about=about or {})
        if found is None:
            if (folder / NAME).exists():
                fresh._take_over(replacing, replace=replace)
            return fresh
        manifest = cls(folder, found["key"], found["shards"], found["files"], found.get("begun", []))
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

    def _take_over(self, replacing: str, *, replace: bool) -> None:
        """Begin anew in a folder whose manifest does not read: all that it may have named goes first."""
        run = read_json(self.folder / RUN_FILE)
        key = run.get("run", {}).get("write_key") if isinstance(run, dict) else None
        if key not in {None, self.key} and not replace:
            raise RecipeError(
                f"`{self.folder}` holds another run, and its manifest does not read",
                f"`{replacing}` deletes that run's files first; or choose another `output.path`",
            )
        files = files_of_run(self.folder)
        self.read = not files
        sizes = {name: (self.folder / name).lstat().st_size for name in files}
        self.replaces = Manifest(self.folder, "", files=sizes) if files else None

    def begin(self, shards: list[str]) -> None:
        """Delete what this run replaces, and note the shards that it is about to write.

        What a reader unpacked of an earlier file of theirs goes now: Streaming would read it for the new one.
        """
        if self.replaces is not None:
            self.replaces.delete_files()
            self.replaces = None
        for name in filter(None, map(unpacked_name, shards)):
            self._delete(name)
        self.begun = shards
        self.write()

    def _forget_missing(self) -> None:
        def stands(name: str, size: int) -> bool:
            with contextlib.suppress(OSError):
                found = (self.folder / name).lstat()
                return stat.S_ISREG(found.st_mode) and found.st_size == size
            return False

        sizes = {name: shard_size(info) for name, info in self.shards.items()} | self.files
        self.forgotten = [name for name, size in sizes.items() if not stands(name, size)]
        self.shards = {name: info for name, info in self.shards.items() if stands(name, shard_size(info))}
        self.files = {name: size for name, size in self.files.items() if stands(name, size)}

    def delete_files(self) -> None:
        """Delete the files that this manifest names and what was unpacked of its shards, and only those.

        The manifest itself stays until the next one takes its place: without one, what a user put into the
        folder would make it a folder that no run wrote.
        """
        shards = [*self.shards, *self.begun]
        for name in [*shards, *filter(None, map(unpacked_name, shards)), *self.files]:
            path = self.folder / name
            self._delete(name)
            with contextlib.suppress(OSError):
                if path.parent != self.folder:
                    path.parent.rmdir()

    def _delete(self, name: str) -> None:
        """Delete a file of the run, but for what a link inside of the output leads to."""
        path = at = self.folder / name
        try:
            for at in itertools.takewhile(lambda part: part != self.folder, path.parents):
                refuse_link(at)
            at = path
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error("delete" if at == path else "write to", at, error) from error

    def add_shard(self, name: str, info: dict[str, Any]) -> None:
        """Note a finished shard; what a kill loses of these notes is made again, byte for byte."""
        with self._lock:
            self.shards[name] = info
            if time.monotonic() >= self._next_note:
                self._write()

    def add_file(self, name: str) -> None:
        """Note another finished file."""
        with self._lock:
            self.files[name] = (self.folder / name).stat().st_size

    def write(self) -> None:
        """Write the manifest now; not over that of a run whose files are still there."""
        with self._lock:
            if self.replaces is None:
                self._write()

    def _write(self) -> None:
        value = {name: getattr(self, name) for name in ("key", "shards", "files", "begun")}
        value["about"] = noted(self.about)
        begin = time.monotonic()
        write_json(self.folder / NAME, value, mode=self.mode)
        end = time.monotonic()
        self._next_note = end + max(_LEAST_SECONDS_BETWEEN_NOTES, _NOTES_SHARE * (end - begin))


def shard_size(info: dict[str, Any]) -> int:
    """Size in bytes of a shard's file, from its entry in ``index.json``."""
    part = info["zip_data"] or info["raw_data"]
    return int(part["bytes"])


def unpacked_name(shard: str) -> str | None:
    """Name of the raw file that Streaming unpacks beside a compressed shard; ``None`` for a raw shard."""
    raw, mds, extension = shard.rpartition(".mds")
    return raw + mds if extension else None


def _about(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what the run in a folder is made of: as its manifest notes it, or its `octomed.json`."""
    about = manifest.get("about") or {}
    run = read_json(folder / RUN_FILE)
    if isinstance(run, dict) and run.get("run", {}).get("write_key") == manifest["key"]:
        about = about_finished_run(run) | about
    return about


def _ours(folder: Path) -> list[str]:
    """Names in the folder that only a run gives."""
    names = ["octomed.json", "provenance", "rejects", *sorted(path.name for path in folder.glob("len-*"))]
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
        When there is no manifest, and anything but the run's lock file and its working store; or one that
        does not read, and anything but what a run writes.
    StorageError
        When the folder cannot be listed.
    """
    if read_json(folder / NAME) is not None:
        return
    try:
        found = [path for path in folder.iterdir() if not _own(path.name) and not _leads_to(store, path)]
        # Where a manifest was, and does not read, what only a run makes is its run's.
        foreign = found if not (folder / NAME).is_file() else [path for path in found if not is_of_run(path)]
    except (FileNotFoundError, NotADirectoryError):  # a file in its place is found when the folder is made
        return
    except OSError as error:
        raise storage_error("read", folder, error) from error
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
