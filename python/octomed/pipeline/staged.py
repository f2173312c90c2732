"""A run that goes to stores: its staging folder, and what stands at its targets."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.difference import difference
from octomed.pipeline.manifest import Manifest
from octomed.pipeline.manifest_file import MISSING, NAME, ManifestFile, is_name_of_run, load_manifest
from octomed.pipeline.open_manifest import about_run
from octomed.run_file import RUN_FILE
from octomed.state import Damaged, NotThere, there
from octomed.storage import LOCK_NAME, storage_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.pipeline.open_manifest import Wanted
    from octomed.pipeline.targets import Target


def clear_staging(folder: Path, key: str | None = None) -> None:
    """Remove what is in a staging folder, its lock aside; whatever counts stands at the targets.

    Parameters
    ----------
    folder
        The folder, whose lock is held.
    key
        Of the run whose manifest stays.

    Raises
    ------
    StorageError
        When that is not allowed.
    """
    manifest = there(load_manifest(folder)) if key is not None else None
    kept = {LOCK_NAME} | ({NAME} if manifest is not None and manifest.key == key else set())
    try:
        for path in folder.iterdir():
            if path.name in kept:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise storage_error("delete", folder, error) from error


def claim(target: Target, wanted: Wanted) -> str | None:
    """Make a target the run's: note which files of another run go when this one begins to write.

    Parameters
    ----------
    target
        The target, looked at.
    wanted
        The run that is to be there.

    Returns
    -------
    str or None
        What to tell of its manifest, where that did not read.

    Raises
    ------
    RecipeError
        When it holds another run that is not to be replaced.
    """
    found, run = target.held.manifest, there(target.held.run)
    target.obsolete = ()
    if isinstance(found, NotThere):
        return None
    if isinstance(found, Damaged):
        missing = found.what == MISSING
        if run is not None and run.run.write_key != wanted.key and not wanted.replace:
            why = "is missing" if missing else "cannot be read"
            raise RecipeError(
                f"`{shown(target.location)}` holds another run, and its manifest {why}", wanted.hint
            )
        target.obsolete = tuple(filter(is_name_of_run, target.sizes))
        return f"`{shown(found.file)}` was missing and is made again" if missing else found.note()
    if found.key == wanted.key:
        return None
    held = {name for name in target.sizes if name in names_of(found)}
    if held and not wanted.replace:
        what = difference(about_run(found, run), wanted.about)
        raise RecipeError(f"`{shown(target.location)}` holds a run {what}", wanted.hint)
    target.obsolete = tuple(sorted(held))
    return None


def names_of(manifest: ManifestFile) -> set[str]:
    """Return the names of the files of a run, finished and begun."""
    return {RUN_FILE, *manifest.records, *manifest.begun}


def staged_manifest(folder: Path, wanted: Wanted, targets: Sequence[Target]) -> Manifest:
    """Return the manifest to go on with: of the files that stand at all targets.

    What stands is what a manifest of this run's key notes, the staging folder's or a target's, and every
    target's listing has, of that size.

    Parameters
    ----------
    folder
        The staging folder.
    wanted
        The run.
    targets
        Looked at, and claimed.
    """
    manifest = Manifest(folder, wanted.key, about=wanted.about)
    local = there(load_manifest(folder))
    held = [one for target in targets if (one := there(target.held.manifest)) is not None]
    ours = [one for one in (local, *held) if one is not None and one.key == wanted.key]

    def stands(name: str, size: int, digest: str | None) -> bool:
        return digest is not None and all(target.sizes.get(name) == size for target in targets)

    for found in ours:
        for name, shard in found.shards.items():
            if stands(name, shard.record.bytes, shard.digest):
                manifest.shards[name] = shard
        for name, record in found.files.items():
            if stands(name, record.bytes, record.digest):
                manifest.files[name] = record
    manifest.forgotten = sorted(
        {name for target in targets for name in _lost(target, wanted.key) if name not in manifest.records}
    )
    return manifest


def _lost(target: Target, key: str) -> list[str]:
    """Return the names that a target's own manifest notes and its listing does not have."""
    found = there(target.held.manifest)
    if found is None or found.key != key:
        return []
    return [name for name, record in found.records.items() if target.sizes.get(name) != record.bytes]
