"""Whose run an output folder holds, and the manifest to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.leftovers import files_of_run
from octomed.names import shown
from octomed.pipeline.output.difference import About, about_run, difference
from octomed.pipeline.output.manifest import Manifest
from octomed.pipeline.output.manifest_file import MISSING, FileRecord, load_manifest_of
from octomed.run_file import RUN_FILE, VALIDATION, RunFile
from octomed.state import Damaged, NotThere

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Wanted:
    """The run that is to be in a folder.

    Attributes
    ----------
    key
        Its content key.
    about
        What it is made of.
    replace
        Whether another run there goes.
    replacing
        What to run to have another run go, for the hint.
    """

    key: str
    about: About
    replace: bool
    replacing: str

    @property
    def hint(self) -> str:
        """How the folder can be used all the same."""
        return f"`{self.replacing}` deletes that run's files first; or choose another `output.path`"


def open_manifest(folder: Path, wanted: Wanted, run: RunFile | None) -> Manifest:
    """Read the folder's manifest, or begin one (after `refuse_foreign_files`).

    Parameters
    ----------
    folder
        The output folder.
    wanted
        The run that is to be there.
    run
        What the folder's run file says, where there is a sound one.

    Raises
    ------
    RecipeError
        When the folder holds another run that is not to be replaced. A run that ended before it wrote
        anything stands in nobody's way: its recipe may be mended and run again.
    """
    found = load_manifest_of(folder, is_finished=run is not None)
    fresh = Manifest(folder, wanted.key, about=wanted.about)
    if isinstance(found, NotThere):
        return fresh
    if isinstance(found, Damaged):
        return _taken_over(fresh, found, wanted, run)
    manifest = Manifest(folder, found.key, found.shards, found.files, found.begun)
    if manifest.key == wanted.key:
        manifest.about = wanted.about
        manifest.forget_missing()
        return manifest
    if not (manifest.shards or manifest.files or manifest.begun or _ours(folder)):
        return fresh
    if not wanted.replace:
        held = difference(about_run(found.key, found.about, run), wanted.about)
        raise RecipeError(f"`{folder}` holds a run {held}", wanted.hint)
    fresh.replaces = manifest
    return fresh


def _taken_over(fresh: Manifest, found: Damaged, wanted: Wanted, run: RunFile | None) -> Manifest:
    """Begin anew in a folder whose manifest does not read: all that it may have named goes first.

    That is what has a name that only a run gives; where `octomed.json` says that another run ended there,
    only if it may be replaced.
    """
    missing = found.what == MISSING
    if run is not None and run.run.write_key != wanted.key and not wanted.replace:
        why = "is missing" if missing else "cannot be read"
        raise RecipeError(
            f"`{shown(str(fresh.folder))}` holds another run, and its manifest {why}", wanted.hint
        )
    fresh.damaged = f"`{shown(found.file)}` was missing and is made again" if missing else found.note()
    folder = fresh.folder
    files = {name: FileRecord((folder / name).lstat().st_size) for name in files_of_run(folder)}
    fresh.replaces = Manifest(folder, "", files=files) if files else None
    return fresh


def _ours(folder: Path) -> list[str]:
    """Names in the folder that only a run gives."""
    names = [
        RUN_FILE,
        "provenance",
        "rejects",
        "reports",
        VALIDATION,
        *sorted(path.name for path in folder.glob("len-*")),
    ]
    return [name for name in names if (folder / name).exists()]
