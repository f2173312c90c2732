"""The manifest as it is stored: which files of an output folder a run has finished, with size and digest."""

from __future__ import annotations

import contextlib
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import OctomedError
from octomed.file_names import is_name_of_run
from octomed.mds_index import INDEX, ShardInfo
from octomed.names import shown
from octomed.pipeline.output.difference import About
from octomed.plain_names import check_name, leads_out
from octomed.state import Damaged, NotThere, StateFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from octomed.run_file import RunFile

NAME = ".octomed-run.json"
LIKE_OURS = re.compile(
    r"octomed\.json|(provenance|rejects|reports)/[^/]+\.parquet|reports/decontamination\.json|[^/]+/(index\.json|shard\.\d{5,}\.mds(\.\w+)?)"
)
"""Names that a reader of a run may take for its files."""


@dataclass(frozen=True)
class FileRecord:
    """A finished file: its size, and the digest of its content; a manifest of format 1 has no digests."""

    bytes: int
    digest: str | None = None


@dataclass(frozen=True)
class ShardRecord:
    """A finished shard: its entry of ``index.json``, and the digest of its file."""

    info: ShardInfo
    digest: str | None = None

    @property
    def record(self) -> FileRecord:
        """Size and digest of its file."""
        return FileRecord(self.info.file.bytes, self.digest)


@dataclass(frozen=True)
class ManifestFile:
    """The manifest as it is stored.

    Attributes
    ----------
    key
        Content key of everything that decides the bytes below the folder.
    shards, files
        What is finished, by path relative to the folder.
    begun
        Paths of shards that were missing when writing began.
    about
        What the run is made of, without its inputs.
    """

    key: str
    shards: dict[str, ShardRecord]
    files: dict[str, FileRecord]
    begun: tuple[str, ...] = ()
    about: About = field(default_factory=About)

    def __post_init__(self) -> None:
        """Refuse names that no run gives, those that lead out of the folder among them."""
        for name in (*self.shards, *self.files, *self.begun):
            if not is_name_of_run(check_name(name)):
                raise ValueError(f"`{shown(name)}` is not a file of a run")
        for name, shard in self.shards.items():
            if name.rpartition("/")[2] != shard.info.file.basename:
                raise ValueError(f"the shard `{shown(name)}` has another name in its entry")

    @property
    def records(self) -> dict[str, FileRecord]:
        """Size and digest of every finished file, shards and others."""
        return {name: shard.record for name, shard in self.shards.items()} | self.files

    def is_whole(
        self, run: RunFile, digest: Callable[[str], str | None], is_there: Callable[[str, int], bool]
    ) -> bool:
        """Tell whether every file exists that a run file and this manifest name.

        Parameters
        ----------
        run
            What the run file says.
        digest
            Returns the digest of a file that is small; None where it cannot be read.
        is_there
            Tells whether a file is there, of its size; the run file is, whatever it says of it.
        """
        if self.key != run.run.write_key or len(self.shards) != run.shards:
            return False
        if run.has_digests and digest(NAME) != run.run.manifest:
            return False
        for name, stream in run.streams.items():
            if stream.index not in {None, digest(f"{name}/{INDEX}")}:
                return False
        names = set(run.run.files or ()) | {f"{name}/{INDEX}" for name in run.streams}
        records = self.records
        return names <= records.keys() and all(is_there(name, one.bytes) for name, one in records.items())


def _with_records(value: dict[str, Any]) -> dict[str, Any]:
    """Bring a manifest of format 1 into the form of records."""
    shards, files = value.get("shards"), value.get("files")
    if isinstance(shards, dict):
        value = {**value, "shards": {name: {"info": info} for name, info in shards.items()}}
    if isinstance(files, dict):
        value = {**value, "files": {name: {"bytes": size} for name, size in files.items()}}
    return value


MANIFEST = StateFile(
    ManifestFile, "delete what the folder holds, or choose another `output.path`", upgrade=_with_records
)


def load_manifest(folder: Path) -> ManifestFile | NotThere | Damaged:
    """Read the manifest of an output folder.

    Raises
    ------
    RecipeError
        When it is of a newer format.
    StorageError
        When it cannot be read at all.
    """
    return MANIFEST.load(folder / NAME)


def digest_of(folder: Path, name: str) -> str | None:
    """Return the digest of a file of a run; ``None`` where it cannot be read."""
    if not (folder / name).is_file():  # a pipe waits for a writer without end
        return None
    try:
        _, digest = _octomed.file_digest(str(folder / name))
    except OctomedError:
        return None
    return str(digest)


def unpacked_name(shard: str) -> str | None:
    """Name of the raw file that Streaming unpacks beside a compressed shard; ``None`` for a raw shard."""
    raw, mds, extension = shard.rpartition(".mds")
    return raw + mds if extension else None


MISSING = "it is missing"


def load_manifest_of(folder: Path, *, is_finished: bool) -> ManifestFile | NotThere | Damaged:
    """Read the manifest of an output folder; one that is missing where a run is finished is a damaged one."""
    found = load_manifest(folder)
    if isinstance(found, NotThere) and is_finished:
        return Damaged(found.file, MISSING, MANIFEST.hint)
    return found


def is_there(folder: Path, name: str, size: int) -> bool:
    """Tell whether a file of a run is there, of its size; a link that leads out of the folder is none."""
    with contextlib.suppress(OSError):
        found = (folder / name).lstat()
        whole = stat.S_ISREG(found.st_mode) and found.st_size == size
        return whole and not leads_out(folder, name)
    return False
