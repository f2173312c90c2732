"""What of a finished run has to be made again: which files are not what their digests say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import StorageError
from octomed.mds_index import INDEX
from octomed.names import shown
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.output.manifest_file import (
    MANIFEST,
    NAME,
    FileRecord,
    ManifestFile,
    ShardRecord,
    digest_of,
    load_manifest,
)
from octomed.run_file import RUN_FILE, RunFile, load_run_file
from octomed.state import Damaged, as_written, is_as_written, there
from octomed.strict_json import parse

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from octomed.pipeline.repair.place import RepairPlace


@dataclass(frozen=True)
class Damage:
    """A finished run of which files are missing or damaged.

    Attributes
    ----------
    place
        Where it lies.
    run
        Its run file; None where that does not read.
    manifest
        Its manifest; None where that is not the one that the run file was written with.
    records
        The files that have to be made again, with size and digest as far as these are known.
    shards
        The shards that are sound.
    files
        The other files that are sound.
    rewritten
        State files whose content is sound, and whose bytes are not: what they are to be.
    """

    place: RepairPlace
    run: RunFile | None
    manifest: ManifestFile | None
    records: dict[str, FileRecord | None] = field(default_factory=dict)
    shards: dict[str, ShardRecord] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)
    rewritten: dict[str, bytes] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The local folder with its state files."""
        return self.place.folder

    @property
    def is_known(self) -> bool:
        """Whether the digest of every file is known."""
        return self.manifest is not None

    @property
    def needs_passes(self) -> bool:
        """Whether what is to be made again follows from the rows, and not from the manifest alone."""
        indexes = (
            {f"{name.partition('/')[0]}/{INDEX}" for name in self.manifest.shards} if self.manifest else set()
        )
        return not self.is_known or bool(self.records.keys() - indexes)


def damage_of(place: RepairPlace, workers: int, suspects: Collection[str] | None = None) -> Damage:
    """Find out what of a finished run has to be made again.

    Parameters
    ----------
    place
        Where the run lies; nobody else writes to it.
    workers
        Threads.
    suspects
        Files of which a verification that read every byte found something; every file is one by default.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or one of a newer format.
    StorageError
        When both `octomed.json` and the manifest are damaged: whose the files are is not known then.
    """
    folder = place.folder
    found = load_run_file(folder)
    run, manifest = there(found), there(load_manifest(folder))
    if run is None and (manifest is None or not _was_finished(manifest)):
        if isinstance(found, Damaged) and manifest is None:
            message = f"neither `{RUN_FILE}` nor `{NAME}` of `{shown(place.name)}` reads"
            raise StorageError(message, "`octomed pack RECIPE` of the run's recipe makes all of it again")
        read_run(folder)  # says what is there instead
    rewritten = _rewritten(folder, run)
    if NAME in rewritten:
        manifest = there(MANIFEST.read(rewritten[NAME], NAME))
    elif run is not None and digest_of(folder, NAME) != run.run.manifest:
        manifest = None
    if manifest is None:
        return _by_indexes(place, read_run(folder), workers, rewritten)
    damage = _by_manifest(place, run, manifest, workers, suspects)
    damage.rewritten.update(rewritten)
    return damage


def _was_finished(manifest: ManifestFile) -> bool:
    """Tell whether a run wrote all but its run file: each stream's index is written after all shards."""
    streams = {name.partition("/")[0] for name in manifest.shards}
    return bool(streams) and all(f"{stream}/{INDEX}" in manifest.files for stream in streams)


def _rewritten(folder: Path, run: RunFile | None) -> dict[str, bytes]:
    """Return the bytes of state files in which a change is none of their content, a blank say."""
    found: dict[str, bytes] = {}
    if run is None:
        return found
    data = (folder / RUN_FILE).read_bytes()
    if run.has_digests and not is_as_written(data):
        found[RUN_FILE] = as_written(parse(data))
    try:
        data = (folder / NAME).read_bytes()
        mended = as_written(parse(data))
    except (OSError, ValueError):
        return found
    if mended != data and _octomed.digest(mended) == run.run.manifest:
        found[NAME] = mended
    return found


def _by_manifest(
    place: RepairPlace,
    run: RunFile | None,
    manifest: ManifestFile,
    workers: int,
    suspects: Collection[str] | None,
) -> Damage:
    """Compare files with their digests in the manifest."""
    records = {name: record for name, record in manifest.records.items() if name != RUN_FILE}
    sound = place.sound(records, set(records if suspects is None else suspects), workers)
    broken: dict[str, FileRecord | None] = {
        name: record for name, record in records.items() if name not in sound
    }
    if run is None:
        broken[RUN_FILE] = None
    return Damage(
        place,
        run,
        manifest,
        broken,
        {name: shard for name, shard in manifest.shards.items() if name in sound},
        {name: record for name, record in manifest.files.items() if name in sound},
    )


def _by_indexes(place: RepairPlace, run: RunFile, workers: int, rewritten: dict[str, bytes]) -> Damage:
    """Compare shards with the digests in sound indexes; of tables nothing is known without the manifest."""
    shards: dict[str, ShardRecord] = {}
    files: dict[str, FileRecord] = {}
    for stream, entry in run.streams.items():
        name = f"{stream}/{INDEX}"
        if entry.index is not None and place.digest(name) == entry.index:
            shards |= place.sound_shards(stream, workers)
            files[name] = FileRecord(0, entry.index)
    return Damage(place, run, None, {NAME: None}, shards, files, rewritten)
