"""Files of images that blocks were made of: compared with what is there now, before and after a scan."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import DamagedBlock, DataError
from octomed.names import shown
from octomed.storage import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.pipeline.calls.specs import TaskSpec


FETCHED = "fetched"
"""Folder of the working store with images of the web."""


def forget_stale(spec: TaskSpec) -> str | None:
    """Remove the blocks of a task, finished or not, of which an image changed; return what to say of it.

    So are those whose list of images does not read: whether one changed is not known then.

    Parameters
    ----------
    spec
        The task.

    Raises
    ------
    StorageError
        When they cannot be removed.
    """
    if not _folders(spec) or not spec.folder.is_dir():
        return None
    stems = sorted(path.with_suffix("") for path in spec.folder.glob("*.index"))
    try:
        changed = _changed(spec, stems)
    except DamagedBlock as damaged:
        if Path(damaged.path).suffix != ".image_files":
            return None  # whoever reads the block says so, and has it made again
        what = f"a list of images of {shown(spec.task.place)} could not be read"
    else:
        if changed is None:
            return None
        what = f"image `{shown(changed)}` of {shown(spec.task.place)} changed since the scan"
    try:
        shutil.rmtree(spec.folder)
    except OSError as error:
        raise storage_error("delete", spec.folder, error) from error
    return f"{what}: scanned again"


def refuse_changed(spec: TaskSpec, stems: Iterable[Path]) -> None:
    """Refuse a task of which an image changed while it was scanned.

    Raises
    ------
    DataError
        Naming the image.
    """
    changed = _changed(spec, list(stems)) if _folders(spec) else None
    if changed is not None:
        message = f"image `{shown(changed)}` of {shown(spec.task.place)} changed while it was read"
        raise DataError(message, "run again when nobody writes to the folder of images")


def _changed(spec: TaskSpec, stems: list[Path]) -> str | None:
    """Return the first image that is not what it was when these blocks were made."""
    if not stems or spec.scanner.images is None:
        return None
    return _octomed.changed_image_files([str(stem) for stem in stems], spec.scanner.images["root"])


def _folders(spec: TaskSpec) -> list[str]:
    """Return the folders of images: an archive is in the task's key."""
    images = spec.scanner.images
    return [] if images is None else [path for path in roots_in(images) if Path(path).is_dir()]


def roots_in(images: dict[str, Any]) -> list[str]:
    """Return where settings of images look up paths."""
    root = images["root"]
    return [] if root is None else [root] if isinstance(root, str) else list(root)
