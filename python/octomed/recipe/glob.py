"""Entries of a source's path: a file, a folder, or a glob whose root is the path before its first wildcard.

The standard library's `glob` leaves out folders that may not be read; here they are errors, because rows
would be missing without a word.
"""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WILD = frozenset("*?[")


class Unreadable(OSError):
    """A folder or file that may not be read."""


@dataclass(frozen=True, slots=True)
class Match:
    """A file that an entry names.

    Attributes
    ----------
    path : str
        Where it is.
    relative : str
        Its path from the entry's root.
    status : os.stat_result
        Its size, time and kind.
    """

    path: str
    relative: str
    status: os.stat_result


def expand_entry(path: str, wanted: Callable[[str], bool]) -> list[Match]:
    """Return the files of an entry in bytewise order of their relative paths.

    Parameters
    ----------
    path : str
        A file, a folder (all wanted files in it, at any depth), or a glob (`*`, `?`, `[…]`, and `**` for any
        number of folders). Names that begin with a dot match only where a dot is written.
    wanted : callable
        Which names of a folder count.

    Raises
    ------
    Unreadable
        If a folder on the way cannot be listed.
    """
    root, names = _walk(path, wanted)
    matches = {}
    for name in names:
        full = os.path.join(root, name)
        try:
            matches[name] = Match(full, name.replace(os.sep, "/"), os.stat(full))
        except OSError as error:
            raise Unreadable(f"`{full}` cannot be read: {error.strerror}") from None
    return sorted(matches.values(), key=lambda match: os.fsencode(match.relative))


def first_of(path: str, wanted: Callable[[str], bool]) -> str | None:
    """Return one file of an entry, or None when there is none."""
    root, names = _walk(path, wanted)
    return next((os.path.join(root, name) for name in names), None)


def would_name(entry: str, path: str, wanted: Callable[[str], bool]) -> bool:
    """Tell whether an entry names the file at a path, once there is one.

    Parameters
    ----------
    entry : str
        A file, a folder or a glob, as for :func:`expand_entry`.
    path : str
        The file; nothing need be there.
    wanted : callable
        Which names of a folder count.
    """
    real = os.path.realpath(path)
    folder = os.path.isdir(entry)
    if folder:
        root, parts = entry, ["**"]
    elif os.path.lexists(entry) or not _WILD.intersection(entry):
        return os.path.realpath(entry) == real
    else:
        root, parts = _cut(entry)
    names = os.path.relpath(real, os.path.realpath(root)).split("/")
    return names[0] != ".." and (not folder or wanted(path)) and _fits(names, parts)


def _fits(names: list[str], parts: list[str]) -> bool:
    """Match the names of a path with the parts of a glob, as `_matching` does with what is there."""
    if not names or not parts:
        return not names and not parts
    part, rest = parts[0], parts[1:]
    if part == "**" and _fits(names, rest or ["*"]):
        return True
    if names[0].startswith(".") and not part.startswith("."):
        return False
    if part == "**":
        return _fits(names[1:], parts)
    return fnmatch.fnmatchcase(names[0], part) and _fits(names[1:], rest)


def _cut(path: str) -> tuple[str, list[str]]:
    """Return a glob's root, and its parts from the first wildcard on."""
    parts = path.split("/")
    fixed = next(index for index, part in enumerate(parts) if _WILD.intersection(part))
    return "/".join(parts[:fixed]) or ("/" if path.startswith("/") else "."), parts[fixed:]


def _walk(path: str, wanted: Callable[[str], bool]) -> tuple[str, Iterator[str]]:
    """Return an entry's root, and the paths of its files from there."""
    try:
        mode_known = os.path.lexists(path)
    except (OSError, ValueError):
        mode_known = False
    if mode_known and os.path.isdir(path):
        return path, (name for name in _below(path, "") if wanted(name))
    if mode_known or not _WILD.intersection(path):
        root, name = os.path.split(path)
        return root, iter([name] if mode_known else [])
    root, parts = _cut(path)
    return root, _matching(root, "", parts)


def _below(root: str, folder: str) -> Iterator[str]:
    for entry in _entries(os.path.join(root, folder)):
        if entry.name.startswith("."):
            continue
        name = os.path.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(root, name)
        elif not entry.is_dir():
            yield name


def _matching(root: str, folder: str, parts: list[str]) -> Iterator[str]:
    """Yield the files under `folder` that the remaining parts of a glob match."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _matching(root, folder, rest or ["*"])
    for entry in _entries(os.path.join(root, folder)):
        if entry.name.startswith(".") and not part.startswith("."):
            continue
        name = os.path.join(folder, entry.name)
        if part == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _matching(root, name, parts)
        elif fnmatch.fnmatchcase(entry.name, part):
            if rest and entry.is_dir():
                yield from _matching(root, name, rest)
            elif not rest and not entry.is_dir():
                yield name


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unreadable(f"the folder `{folder}` cannot be read: {error.strerror}") from None
