"""Names out of state files and of shards' indexes: plain, relative, and below their folder.

A run may come from elsewhere, so what its files name is not to be believed: a name must not lead out of its
folder, by itself or by a link, whether the file is read or deleted. The reader of MDS in Rust has the rules
of one part (`is_basename`).
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOREIGN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\\\\]")
_LONGEST = 255
"""Bytes of a part that file systems take."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def fault_of(name: str) -> str | None:
    """Return why a name is no plain relative one below a folder, or ``None``.

    Parameters
    ----------
    name
        With slashes between its parts.
    """
    if not name or name.startswith("/"):
        return "is absolute" if name else "is empty"
    if _FOREIGN.search(name):
        return "has a control character or a backslash"
    parts = name.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        return "has a part that is empty, `.` or `..`"
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:
        return "is not a file name"
    return "has a part that is too long" if longest > _LONGEST else None


def check_name(name: str) -> str:
    """Return a plain name.

    Raises
    ------
    ValueError
        Saying why it is none.
    """
    fault = fault_of(name)
    if fault is not None:
        raise ValueError(f"the name `{shown(name)}` {fault}")
    return name


def check_basename(name: str) -> str:
    """Return a plain name of one part.

    Raises
    ------
    ValueError
        Saying why it is none.
    """
    if "/" in name:
        raise ValueError(f"the name `{shown(name)}` is not that of a file in the folder")
    return check_name(name)


def path_below(folder: Path, name: str, *, through_links: bool = False) -> Path:
    """Return the path of a file that is to be read; a link in it must not lead out of the folder.

    Parameters
    ----------
    folder, name
        The folder, and the name below it.
    through_links
        Whether links may lead out of it: hubs keep what is downloaded as links to a store of their own.

    Raises
    ------
    StorageError
        When the name is not plain, or a link leads out, or what stands there is neither file nor folder.
    """
    fault = fault_of(name)
    if fault is not None:
        raise StorageError(f"`{shown(str(folder))}`: the name `{shown(name)}` {fault}", _HINT)
    path = folder / name
    if not through_links and leads_out(folder, name):
        raise StorageError(f"`{shown(str(path))}` is a link that leads out of `{shown(str(folder))}`", _HINT)
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe waits for a writer without end
        raise StorageError(f"`{shown(str(path))}` is not a file", _HINT)
    return path


_HINT = "nothing is read or written outside of a run's folder: put what was packed itself into it"


def leads_out(folder: Path, name: str) -> bool:
    """Tell whether a link on the way from a folder to a file in it leads elsewhere."""
    path = folder
    links = False
    for part in name.split("/"):
        path = path / part
        links = links or path.is_symlink()
    if not links:
        return False
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to itself
        return True


def delete_below(folder: Path, name: str) -> None:
    """Delete a file below a folder, a link as such; no link is followed on the way, and no folder deleted.

    Raises
    ------
    OSError
        When it is there and cannot be deleted.
    ValueError
        When the name is not plain.
    """
    check_name(name)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), _opened(folder, name) as (parent, last):
        os.unlink(last, dir_fd=parent)


def delete_empty_parent(folder: Path, name: str) -> None:
    """Delete the folder that a file below another one was in, if nothing else is in it."""
    parent = check_name(name).rpartition("/")[0]
    if parent:
        with contextlib.suppress(OSError), _opened(folder, parent) as (above, last):
            os.rmdir(last, dir_fd=above)


@contextlib.contextmanager
def _opened(folder: Path, name: str) -> Iterator[tuple[int, str]]:
    """Open the folder that holds a file, part by part: where a part is a link, that is no folder."""
    *parents, last = name.split("/")
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            below = os.open(part, _FOLDER, dir_fd=opened)
            os.close(opened)
            opened = below
        yield opened, last
    finally:
        os.close(opened)


def clean_name(text: str) -> str:
    """Return a text as a recipe takes it for a name.

    Examples
    --------
    >>> clean_name("My data (v2)"), clean_name("-.-")
    ('My-data-v2', 'data')
    """
    name = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:100]
    return name if re.match(r"\w", name) else "data"
