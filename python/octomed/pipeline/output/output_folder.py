"""Whose an output folder is: nobody's yet, a stranger's, or a finished run's whose files are all there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.file_names import REPAIR
from octomed.leftovers import is_of_run, is_temporary
from octomed.names import shown
from octomed.pipeline.output.manifest_file import (
    MISSING,
    NAME,
    digest_of,
    is_there,
    load_manifest,
    load_manifest_of,
)
from octomed.run_file import RUN_FILE, RunFile, load_run_file
from octomed.state import Damaged, NotThere, there
from octomed.storage import LOCK_NAME, storage_error

if TYPE_CHECKING:
    from pathlib import Path


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
        When there is no manifest, and anything but the run's lock file and its working store.
    StorageError
        When the folder cannot be listed, or its manifest cannot be read and there is anything but what a run
        writes.
    """
    manifest = load_manifest(folder)
    if isinstance(manifest, NotThere):  # another look follows once the folder is locked
        manifest = load_manifest_of(folder, is_finished=there(load_run_file(folder)) is not None)
    if not isinstance(manifest, NotThere | Damaged):
        return
    try:
        found = [path for path in folder.iterdir() if not _own(path.name) and not _leads_to(store, path)]
        # Where a manifest was, and does not read, what only a run makes is its run's.
        foreign = found if isinstance(manifest, NotThere) else [path for path in found if not is_of_run(path)]
    except (FileNotFoundError, NotADirectoryError):  # a file in its place is found when the folder is made
        return
    except OSError as error:
        raise storage_error("read", folder, error) from error
    if foreign and isinstance(manifest, Damaged) and manifest.what != MISSING:
        name = shown(min(foreign).name)
        raise manifest.error(f"move `{name}` away, which no run wrote, or choose another `output.path`")
    if foreign:
        raise RecipeError(
            f"the output folder `{folder}` already holds `{min(foreign).name}`, "
            "and no manifest says that a run wrote there",
            "choose a new or an empty folder for `output.path`",
        )


def _own(name: str) -> bool:
    """Tell the lock and the manifest, one that is not whole too, from files that are not the run's."""
    return name in {LOCK_NAME, REPAIR} or name.startswith(NAME) or is_temporary(name, re.escape(NAME))


def _leads_to(store: Path, path: Path) -> bool:
    return store.resolve().is_relative_to(path.resolve())


def is_finished(folder: Path, run: RunFile) -> bool:
    """Tell whether every file exists that a run file and its manifest name, by listing and sizes.

    A link is not a file of a run, wherever it leads: what it leads to was not checked when it was written.
    """
    if any((folder / name).is_symlink() for name in (NAME, RUN_FILE)):
        return False
    found = there(load_manifest(folder))
    return found is not None and found.is_whole(
        run,
        lambda name: digest_of(folder, name),
        lambda name, size: name == RUN_FILE or is_there(folder, name, size),
    )
