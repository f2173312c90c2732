"""Entries of a source's path: a file, a folder, or a glob whose root is the path before its first wildcard.

The standard library's `glob` leaves out folders that may not be read; here they are errors, because rows
would be missing silently.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.names import as_text, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_WILD = frozenset("*?[")
_ALL = frozenset({"*", "**"})


MAY_NOT = "grant yourself read permission for it"


class Unreadable(OSError):
    """A folder or file that may not be read, or a link that leads nowhere."""

    def __init__(self, message: str, hint: str = MAY_NOT) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class Walk:
    """What a walk over an entry met besides the files it wants.

    Attributes
    ----------
    left : dict of str to str
        Why a file or folder was left out, by its path from the entry's root.
    followed : bool
        Whether a link was followed.
    deep : bool
        Whether the entry reaches into folders of any depth.
    """

    left: dict[str, str] = field(default_factory=dict)
    followed: bool = False
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    r"""A file that an entry names.

    Attributes
    ----------
    path : str
        Where it is.
    relative : str
        Its path from the entry's root, `\xNN` for bytes that are not UTF-8.
    size : int
        In bytes.
    mtime_ns : int
        When it was last changed; 0 of an object of a store.
    is_regular : bool
        Whether it is a regular file.
    version : str or None
        What tells an object of a store from one that takes its place.
    """

    path: str
    relative: str
    size: int
    mtime_ns: int = 0
    is_regular: bool = True
    version: str | None = None


def expand_entry(path: str, wanted: Callable[[str], bool], walk: Walk | None = None) -> list[Match]:
    """Return the files of an entry in bytewise order of their relative paths.

    Parameters
    ----------
    path : str
        A file, a folder (all wanted files in it, at any depth), or a glob (`*`, `?`, `[…]`, and `**` for any
        number of folders). Names that begin with a dot match only where a dot is written.
    wanted : callable
        Which names of a folder count.
    walk : Walk, optional
        Told what is left out.

    Raises
    ------
    Unreadable
        If a folder on the way cannot be listed, or a link leads nowhere.
    """
    root, names = _walk(path, wanted, walk or Walk())
    matches = {name: _match(root, name) for name in names}
    return sorted(matches.values(), key=lambda match: os.fsencode(match.relative))


def _match(root: str, name: str) -> Match:
    full = os.path.join(root, name)
    try:
        found = os.stat(full)
    except OSError as error:
        raise _unreadable(full, error) from None
    relative = as_text(name.replace(os.sep, "/"))
    return Match(full, relative, found.st_size, found.st_mtime_ns, stat.S_ISREG(found.st_mode))


def _unreadable(path: str, error: OSError) -> Unreadable:
    if not os.path.islink(path):
        return Unreadable(f"`{shown(path)}` cannot be read: {error.strerror}")
    target = shown(os.readlink(path))
    if error.errno == errno.ELOOP:
        return Unreadable(
            f"`{shown(path)}` is a link that leads back to itself: `{target}`", "remove the link"
        )
    hint = "fetch or restore its target, fix the link, or remove it"
    if isinstance(error, PermissionError):
        hint = "grant yourself read permission for its target"
    where = "may not be read" if isinstance(error, PermissionError) else "is not there"
    return Unreadable(f"`{shown(path)}` is a link to `{target}`, which {where}", hint)


def first_of(path: str, wanted: Callable[[str], bool]) -> str | None:
    """Return one file of an entry, or None when there is none."""
    root, names = _walk(path, wanted, Walk())
    return next((os.path.join(root, name) for name in names), None)


class OwnFiles:
    """Files that a run will write, of kinds that rows are read from: which of them an entry would name.

    There are as many as sources, and as many entries: folders are compared, and files only of one that an
    entry reaches into.

    Parameters
    ----------
    paths : iterable of str
        The files; nothing need be there.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._folders: dict[str, dict[str, str]] = {}
        real: dict[str, str] = {}
        for path in paths:
            folder, name = os.path.split(path)
            if folder not in real:
                real[folder] = os.path.realpath(folder)
            self._folders.setdefault(real[folder], {})[name] = path

    def named_by(self, entry: str) -> str | None:
        """Return one of the files that an entry would name once it is there, or None.

        Parameters
        ----------
        entry : str
            A file, a folder or a glob, as for :func:`expand_entry`.
        """
        if os.path.isdir(entry):
            root, parts = entry, ["**"]
        elif os.path.lexists(entry) or not _WILD.intersection(entry):
            folder, name = os.path.split(os.path.realpath(entry))
            return self._folders.get(folder, {}).get(name)
        else:
            root, parts = cut_glob(entry)
        real = os.path.realpath(root)
        inside = (self._fitting(folder, real, parts) for folder in self._folders)
        return next((found for found in inside if found is not None), None)

    def _fitting(self, folder: str, root: str, parts: list[str]) -> str | None:
        """Return the first file of a folder that the parts of a glob name."""
        above = os.path.relpath(folder, root).split("/")
        above = [] if above == ["."] else above
        if above[:1] == [".."]:
            return None
        files = self._folders[folder]
        last = parts[-1]
        if not _WILD.intersection(last):  # one name can fit, if any
            return files.get(last) if last in files and fits([*above, last], parts) else None
        if last in _ALL:  # all fit, or none
            files = dict(list(files.items())[:1])
        return next((path for name, path in files.items() if fits([*above, name], parts)), None)


class OwnObjects:
    """As `OwnFiles`, of objects in stores: a name is what it says, and no link leads elsewhere.

    Parameters
    ----------
    addresses : iterable of str
        The objects; nothing need be there.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = list(addresses)

    def named_by(self, entry: str) -> str | None:
        """Return one of the objects that an address would name: an object, a folder or a glob."""
        entry = entry.rstrip("/")
        if not _WILD.intersection(entry):
            inside = (one for one in self._addresses if one == entry or self._below(one, entry))
            return next(inside, None)
        root, parts = cut_glob(entry)
        return next(
            (
                address
                for address in self._addresses
                if address.startswith(f"{root}/") and fits(address[len(root) + 1 :].split("/"), parts)
            ),
            None,
        )

    @staticmethod
    def _below(address: str, folder: str) -> bool:
        """Tell whether an object counts as one of a folder: those in hidden folders do not."""
        if not address.startswith(f"{folder}/"):
            return False
        return not any(name.startswith(".") for name in address[len(folder) + 1 :].split("/"))


def fits(names: list[str], parts: list[str]) -> bool:
    """Match the names of a path with the parts of a glob, as `_matching` does with what is there."""
    if not names or not parts:
        return not names and not parts
    part, rest = parts[0], parts[1:]
    if part == "**" and fits(names, rest or ["*"]):
        return True
    if names[0].startswith(".") and not part.startswith("."):
        return False
    if part == "**":
        return fits(names[1:], parts)
    return fnmatch.fnmatchcase(names[0], part) and fits(names[1:], rest)


def root_of(path: str) -> str:
    """Return the folder that the relative paths of an entry start at."""
    if os.path.isdir(path):
        return path
    exists = os.path.lexists(path) or not _WILD.intersection(path)
    return os.path.dirname(path) if exists else cut_glob(path)[0]


def is_wild(path: str) -> bool:
    """Tell whether a path has a wildcard."""
    return bool(_WILD.intersection(path))


def cut_glob(path: str) -> tuple[str, list[str]]:
    """Return a glob's root, and its parts from the first wildcard on."""
    parts = path.split("/")
    fixed = next(index for index, part in enumerate(parts) if _WILD.intersection(part))
    return "/".join(parts[:fixed]) or ("/" if path.startswith("/") else "."), parts[fixed:]


def _walk(path: str, wanted: Callable[[str], bool], walk: Walk) -> tuple[str, Iterator[str]]:
    """Return an entry's root, and the paths of its files from there."""
    try:
        mode_known = os.path.lexists(path)
    except (OSError, ValueError):
        mode_known = False
    if mode_known and os.path.isdir(path):
        return path, _below(_Folder.root(path, walk), wanted)
    if mode_known or not _WILD.intersection(path):
        root, name = os.path.split(path)
        return root, iter([name] if mode_known else [])
    root, parts = cut_glob(path)
    walk.deep = "**" in parts
    return root, _matching(_Folder.root(root, walk), parts)


@dataclass(frozen=True)
class _Folder:
    """A folder on the way, and those above it by device and inode: a link back to one is a circle."""

    at: str
    name: str
    above: frozenset[tuple[int, int]]
    real_root: str
    walk: Walk

    @classmethod
    def root(cls, path: str, walk: Walk) -> _Folder:
        return cls(path, "", cls._identity(path), os.path.realpath(path) + os.sep, walk)

    @staticmethod
    def _identity(path: str) -> frozenset[tuple[int, int]]:
        try:
            status = os.stat(path)
        except OSError:
            return frozenset()
        return frozenset([(status.st_dev, status.st_ino)])

    def enter(self, entry: os.DirEntry[str]) -> _Folder | None:
        """Return a folder in this one; none, if it is a link that leads back to one above."""
        name = os.path.join(self.name, entry.name)
        identity = self._identity(entry.path)
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if identity & self.above or self.real_root.startswith(real.rstrip(os.sep) + os.sep):
                self.walk.left[name] = "a link back to a folder above it"
                return None
            self.walk.followed = True
        return _Folder(entry.path, name, self.above | identity, self.real_root, self.walk)


def _below(folder: _Folder, wanted: Callable[[str], bool]) -> Iterator[str]:
    left = folder.walk.left
    for entry in _entries(folder.at):
        name = os.path.join(folder.name, entry.name)
        if entry.name.startswith("."):
            left[name] = "hidden"
        elif _is_folder(entry):
            inside = folder.enter(entry)
            yield from _below(inside, wanted) if inside else ()
        elif wanted(name) or _may_be_folder(entry):
            folder.walk.followed |= entry.is_symlink()
            yield name
        else:
            left[name] = "of an unknown kind"


def _may_be_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a link that leads nowhere, and by its name might have led to a folder."""
    return entry.is_symlink() and "." not in entry.name and not os.path.exists(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _matching(folder: _Folder, parts: list[str]) -> Iterator[str]:
    """Yield the files under a folder that the remaining parts of a glob match."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _matching(folder, rest or ["*"])
    for entry in _entries(folder.at):
        if entry.name.startswith(".") and not part.startswith("."):
            continue
        if part != "**" and not fnmatch.fnmatchcase(entry.name, part):
            continue
        if part == "**" or rest:
            inside = folder.enter(entry) if _is_folder(entry) else None
            yield from _matching(inside, parts if part == "**" else rest) if inside else ()
        elif not _is_folder(entry):
            folder.walk.followed |= entry.is_symlink()
            yield os.path.join(folder.name, entry.name)
        elif not folder.walk.deep:
            folder.walk.left[os.path.join(folder.name, entry.name)] = "a folder: `/**` reaches into it"


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unreadable(f"the folder `{shown(folder)}` cannot be read: {error.strerror}") from None
