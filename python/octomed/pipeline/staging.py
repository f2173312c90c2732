"""Files of a repair, made beside a run and put into it one by one, each once it is what it should be."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.leftovers import REPAIR
from octomed.pipeline.manifest import Manifest
from octomed.pipeline.manifest_file import FileRecord, ShardRecord, digest_of, unpacked_name
from octomed.report.views import Finding
from octomed.storage import make_folder_inside, storage_error, sync_folder
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from octomed.storage import Mode


@dataclass
class Staging:
    """A folder in an output, in which files are made that will stand in the place of damaged ones.

    Attributes
    ----------
    output
        The output folder, which this process has locked.
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

    output: Path
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
        return self.output / REPAIR

    @contextlib.contextmanager
    def made(self) -> Iterator[Path]:
        """Make the folder, empty, for as long as the block runs; a killed repair leaves one."""
        self._clear()
        try:
            yield make_folder_inside(self.output, REPAIR, self.mode)
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
        elif known is None and digest_of(self.output, name) == made.digest:
            self.same.append(name)
        else:
            self._put(name)

    def remove(self, unpacked: str) -> None:
        """Remove what Streaming unpacked of a shard, and would read for it."""
        if (self.output / unpacked).exists():
            LocalStore(self.output).delete(unpacked)
            self.removed.append(unpacked)

    def _put(self, name: str) -> None:
        folder = make_folder_inside(self.output, name.rpartition("/")[0], self.mode)
        target = self.output / name
        unpacked = unpacked_name(name)
        if unpacked:
            self.remove(unpacked)
        try:
            (self.folder / name).replace(target)
            sync_folder(folder)
        except OSError as error:
            raise storage_error("write", target, error) from error
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
