"""What is there of a run that is not finished: which shards and tables its manifest notes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from octomed.commands import as_argument, shell_words
from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.finished.run_places import far_run, place_of, store_of
from octomed.pipeline.output.manifest_file import ManifestFile, load_manifest
from octomed.state import there
from octomed.storage import LOCK_NAME


@dataclass(frozen=True)
class GrowingStream:
    """What is written of a stream: shards, packs, and bytes on the disk."""

    shards: int
    packs: int
    bytes: int


@dataclass(frozen=True)
class Growing:
    """A run that is not finished.

    Attributes
    ----------
    place
        Folder or address.
    at_work
        Whether a process holds it; None where that cannot be seen.
    streams
        By name.
    tables
        Finished tables, by their folder.
    files
        Names of files, where there is no manifest to say what they are.
    command
        That resumes it, where the manifest says it.
    """

    place: str
    at_work: bool | None
    streams: dict[str, GrowingStream]
    tables: dict[str, int]
    files: int
    command: str

    @classmethod
    def of(cls, folder: Path) -> Growing:
        """Look at a run.

        Raises
        ------
        RecipeError
            When the folder holds nothing of a run.
        StorageError
            When its manifest is damaged.
        """
        manifest = there(load_manifest(folder))
        far = far_run(folder)
        if far is not None:
            far.look_again()
        files = len(store_of(folder).names()) if far is not None and far.is_listed else 0
        at_work = None if far is not None else _is_held(folder)
        if manifest is None and not at_work and not files:
            name = shown(place_of(folder))
            raise RecipeError(f"`{name}` holds no run", "`octomed pack RECIPE` makes one")
        streams, tables = ({}, {}) if manifest is None else (_streams(manifest), _tables(manifest))
        command = manifest.about.command if manifest is not None else None
        again = command or shell_words(["octomed", "pack", as_argument("RECIPE")])
        return cls(place_of(folder), at_work, streams, tables, files, again)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is written yet: its sources are read."""
        return not self.streams and not self.tables and not self.files


def _streams(manifest: ManifestFile) -> dict[str, GrowingStream]:
    found: dict[str, GrowingStream] = {}
    for name, shard in sorted(manifest.shards.items()):
        stream = name.rpartition("/")[0]
        before = found.get(stream, GrowingStream(0, 0, 0))
        found[stream] = GrowingStream(
            before.shards + 1, before.packs + shard.info.samples, before.bytes + shard.info.file.bytes
        )
    return found


def _tables(manifest: ManifestFile) -> dict[str, int]:
    return dict(Counter(name.partition("/")[0] for name in manifest.files if "/" in name))


def _is_held(folder: Path) -> bool | None:
    """Tell by the system's list of locks whether a process writes into a folder: to try one would stop it."""
    try:
        lock = (folder / LOCK_NAME).stat()
        listed = Path("/proc/locks").read_text(encoding="ascii")
    except FileNotFoundError:
        return None if (folder / LOCK_NAME).exists() else False
    except OSError:
        return None
    return any(line.split()[1] == "FLOCK" and f":{lock.st_ino} " in line for line in listed.splitlines())
