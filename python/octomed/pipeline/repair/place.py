"""Where a run that is repaired lies: what stands there, and how a file is put into its place."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from octomed import _octomed
from octomed.errors import OctomedError
from octomed.leftovers import clear_output
from octomed.mds_index import INDEX, read_index
from octomed.pipeline.finished.run_places import far_run
from octomed.pipeline.output.listing import check_digests
from octomed.pipeline.output.manifest_file import ShardRecord, digest_of, is_there
from octomed.storage import make_folder_inside, storage_error, sync_folder, write_atomically
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from octomed.pipeline.finished.far_runs import FarRun
    from octomed.pipeline.output.manifest_file import FileRecord
    from octomed.storage import Mode


class RepairPlace(Protocol):
    """Where a run lies.

    Attributes
    ----------
    folder
        A local folder with the run's state files, and room for a folder in which files are made.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The folder, or the address."""

    def lock(self, busy: str) -> contextlib.AbstractContextManager[object]:
        """Hold the run while the block runs; what a killed repair left is removed."""

    def sound(self, records: Mapping[str, FileRecord], read: set[str], workers: int) -> set[str]:
        """Return which files are there, of their sizes and of the digests of those that are to be read."""

    def sound_shards(self, stream: str, workers: int) -> dict[str, ShardRecord]:
        """Return the shards that are what their stream's index says of them."""

    def digest(self, name: str) -> str | None:
        """Return the digest of a file; None where there is none."""

    def put(self, name: str, made: Path, mode: Mode) -> None:
        """Put a file that was made in the place of what stands there."""

    def write(self, name: str, data: bytes, mode: Mode) -> None:
        """Write a state file."""

    def remove(self, name: str) -> bool:
        """Remove a file; return whether there was one."""


def place_for_repair(folder: Path) -> RepairPlace:
    """Return where the run of a folder lies."""
    far = far_run(folder)
    return FolderPlace(folder) if far is None else FarPlace(folder, far)


@dataclass
class FolderPlace:
    """A run in a folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    @contextlib.contextmanager
    def lock(self, busy: str) -> Iterator[object]:
        """Hold the folder."""
        with LocalStore(self.folder).lock(exclusive=True, busy=busy) as held:
            clear_output(self.folder)
            yield held

    def sound(self, records: Mapping[str, FileRecord], read: set[str], workers: int) -> set[str]:
        """Look at sizes, and read files."""
        found = {name for name, record in records.items() if is_there(self.folder, name, record.bytes)}
        changed = check_digests(self.folder, {name: records[name] for name in found & read}, workers)
        return found - {finding.file for finding in changed}

    def sound_shards(self, stream: str, workers: int) -> dict[str, ShardRecord]:
        """Read shards by their index."""
        infos = read_index((self.folder / stream / INDEX).read_bytes()).shards
        try:
            broken = {shard for shard, _, _ in _octomed.mds_verify(str(self.folder / stream), workers)}
        except OctomedError:
            return {}
        sound: dict[str, ShardRecord] = {}
        for number, info in enumerate(infos):
            name = f"{stream}/{info.file.basename}"
            if number not in broken and info.file.hashes and is_there(self.folder, name, info.file.bytes):
                sound[name] = ShardRecord(info, digest_of(self.folder, name))
        return sound

    def digest(self, name: str) -> str | None:
        """Read a file."""
        return digest_of(self.folder, name)

    def put(self, name: str, made: Path, mode: Mode) -> None:
        """Rename a file of the same disk, and have that on the disk."""
        target = self.folder / name
        folder = make_folder_inside(self.folder, name.rpartition("/")[0], mode)
        try:
            made.replace(target)
            sync_folder(folder)
        except OSError as error:
            raise storage_error("write", target, error) from error

    def write(self, name: str, data: bytes, mode: Mode) -> None:
        """Write a file."""
        write_atomically(self.folder / name, data, mode=mode)

    def remove(self, name: str) -> bool:
        """Remove a file."""
        if not (self.folder / name).exists():
            return False
        LocalStore(self.folder).delete(name)
        return True


@dataclass
class FarPlace:
    """A run at an address; its state files are in the folder as well."""

    folder: Path
    far: FarRun

    @property
    def name(self) -> str:
        """The address."""
        return self.far.place()

    def lock(self, busy: str) -> contextlib.AbstractContextManager[object]:
        """Hold the run by a lease."""
        return self.far.store.lock(exclusive=True, busy=busy)

    def sound(self, records: Mapping[str, FileRecord], read: set[str], workers: int) -> set[str]:
        """Look at the listing, and read objects, a few at a time."""
        objects = self.far.objects
        found = {name for name, one in records.items() if name in objects and objects[name].size == one.bytes}
        names = sorted(found & read)
        with ThreadPoolExecutor(workers) as pool:
            digests = dict(zip(names, pool.map(self.digest, names), strict=True))
        return {name for name in found if digests.get(name, records[name].digest) == records[name].digest}

    def sound_shards(self, stream: str, workers: int) -> dict[str, ShardRecord]:
        """Compare shards with the digests in their index that are those of a manifest, too."""
        path = self.far.fetch(f"{stream}/{INDEX}")
        infos = {f"{stream}/{one.file.basename}": one for one in read_index(path.read_bytes()).shards}
        with ThreadPoolExecutor(workers) as pool:
            digests = dict(zip(infos, pool.map(self.digest, infos), strict=True))
        return {
            name: ShardRecord(info, digests[name])
            for name, info in infos.items()
            if digests[name] is not None and info.file.hashes.get("xxh3_64") == digests[name]
        }

    def digest(self, name: str) -> str | None:
        """Fetch an object, read it, and remove it here."""
        here = self.folder / ".digests" / name
        try:
            return str(_octomed.file_digest(str(self.far.fetch(name, here)))[1])
        except FileNotFoundError:
            return None
        finally:
            here.unlink(missing_ok=True)

    def put(self, name: str, made: Path, mode: Mode) -> None:  # noqa: ARG002 a store has no modes
        """Upload a file; the store has what was sent, or that is an error."""
        self.far.store.put_file(name, made)
        made.unlink()
        self.far.look_again()

    def write(self, name: str, data: bytes, mode: Mode) -> None:
        """Write an object, and the file here."""
        self.far.store.put(name, data)
        write_atomically(self.folder / name, data, mode=mode)
        self.far.look_again()

    def remove(self, name: str) -> bool:
        """Delete an object."""
        if name not in self.far.objects:
            return False
        self.far.store.delete(name)
        self.far.look_again()
        return True
