"""Files of a repair, made beside a run and put into it one by one, each once it is what it should be."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.file_names import REPAIR
from octomed.pipeline.output.manifest import Manifest
from octomed.pipeline.output.manifest_file import FileRecord, ShardRecord, unpacked_name
from octomed.report.views import Finding
from octomed.storage import make_folder_inside, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from octomed.pipeline.repair.place import RepairPlace
    from octomed.storage import Mode


@dataclass
class Staging:
    """A folder in an output, in which files are made that will stand in the place of damaged ones.

    Attributes
    ----------
    place
        Where the run lies, which this process has locked.
    wanted
        The files to be put into it, with size and digest as far as these are known.
    any_other
        Whether a file that is not among them goes in, too, where the one that stands is another.
    mode
        Who may read them.
    rebuilt, same
        What was put in, and what turned out to be sound.
    shards
        The shards among both: where the passes begin again, they are not written a second time.
    removed
        Raw files that Streaming had unpacked of damaged shards.
    left
        What was made again to other bytes than its digest says, and was not put in.
    """

    place: RepairPlace
    wanted: Mapping[str, FileRecord | None]
    any_other: bool
    mode: Mode
    rebuilt: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    shards: dict[str, ShardRecord] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where files are made."""
        return self.place.folder / REPAIR

    @contextlib.contextmanager
    def made(self) -> Iterator[Path]:
        """Make the folder, empty, for as long as the block runs; a killed repair leaves one."""
        self._clear()
        try:
            yield make_folder_inside(self.place.folder, REPAIR, self.mode)
        finally:
            self._clear()

    def _clear(self) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.folder)
        except OSError as error:
            raise storage_error("delete", self.folder, error) from error

    def take(self, name: str, made: FileRecord) -> None:
        """Put a file that was made into the output, if it is wanted there and what its digest says.

        Parameters
        ----------
        name
            Of the file, below both folders.
        made
            Its size and digest.
        """
        known = self.wanted.get(name)
        if (name not in self.wanted and not self.any_other) or name in self.rebuilt:
            return
        if known is not None and known != made:
            what = "what was made again is not what its digest says, and was not put in its place"
            self.left.append(Finding(name, what))
        elif known is None and self.place.digest(name) == made.digest:
            self.same.append(name)
        else:
            self._put(name)

    def remove(self, unpacked: str) -> None:
        """Remove what Streaming unpacked of a shard, and would read for it."""
        if self.place.remove(unpacked):
            self.removed.append(unpacked)

    def _put(self, name: str) -> None:
        unpacked = unpacked_name(name)
        if unpacked:
            self.remove(unpacked)
        self.place.put(name, self.folder / name, self.mode)
        self.rebuilt.append(name)


@dataclass
class StagedManifest(Manifest):
    """The manifest of files that are made again: each goes into the output as soon as it is there."""

    staging: Staging | None = None

    def add_shard(self, name: str, shard: ShardRecord) -> None:
        """Note a shard, and put it into the output."""
        if self.staging is not None:
            self.staging.take(name, shard.record)
            self.staging.shards[name] = shard
        super().add_shard(name, shard)
