"""The staging folder of a run whose output is at an address: what is in it is on its way there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from octomed.pipeline.output.manifest_file import NAME, load_manifest
from octomed.state import there
from octomed.storage import LOCK_NAME, storage_error

if TYPE_CHECKING:
    from pathlib import Path


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
