"""Folders and archives that rows' paths of images lead into, as keys know them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.storage import LOCK_NAME, content_key, storage_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_IMAGES = frozenset(
    {"", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
)
"""Endings of files that count as images of a folder; names in a hub's cache have none."""


def root_fingerprint(path: str) -> str:
    """Return what tells an archive from a changed one; of a folder only that it is one.

    Raises
    ------
    StorageError
        When it cannot be read.
    """
    if Path(path).is_dir():
        return "folder"
    try:
        status = Path(path).stat()
        return f"{status.st_size} {status.st_mtime_ns} {_octomed.fingerprint(path)}"
    except OSError as error:
        raise storage_error("read", path, error) from error


def folders_state(roots: Sequence[str], leave_out: Collection[str]) -> str | None:
    """Return a hash of name, size and time of every image in these folders; None where none is a folder.

    Whoever packs again after an image changed gets other shards, even where no block is left to compare it
    with. What runs write is left out, wherever it lies.

    Parameters
    ----------
    roots
        Folders and archives.
    leave_out
        Folders that the run writes to.
    """
    folders = [path for path in roots if Path(path).is_dir()]
    if not folders:
        return None
    own = {os.path.realpath(path) for path in leave_out}
    return content_key([sorted(_images_in(folder, own)) for folder in folders])


def _images_in(folder: str, own: Collection[str]) -> Iterator[tuple[str, int, int]]:
    """Yield the images of a folder; links are followed, each folder is entered once on a way down."""
    waiting: list[tuple[str, str, frozenset[str]]] = [(folder, "", frozenset())]
    while waiting:
        path, relative, above = waiting.pop()
        real = os.path.realpath(path)
        if real in above or real in own:
            continue
        entries = _entries(path)
        if any(entry.name == LOCK_NAME for entry in entries):
            continue
        for entry in entries:
            name = f"{relative}{entry.name}"
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                waiting.append((entry.path, f"{name}/", above | {real}))
            elif Path(entry.name).suffix.lower() in _IMAGES and (status := _status(entry)):
                yield name.encode("utf-8", "backslashreplace").decode(), status.st_size, status.st_mtime_ns


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as found:
            return list(found)
    except OSError as error:
        raise storage_error("read", path, error) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or leads to one; a link in a circle does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return size and time of a file; a link that leads nowhere has none."""
    try:
        return entry.stat()
    except OSError:
        return None
