"""Files that appear whole or not at all, locks, and content keys."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from octomed import _octomed
from octomed.errors import RecipeError, StorageError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["owner", "group", "umask"]
"""Who may read what is written: its owner, its owner and group, or whoever the umask lets."""

FILE_MODES: dict[Mode, int | None] = {"owner": 0o600, "group": 0o640, "umask": None}
FOLDER_MODES: dict[Mode, int | None] = {"owner": 0o700, "group": 0o750, "umask": None}
_LONGEST_STEM = 200
"""Bytes of a target's name that its temporary name repeats: a file system takes 255, and the rest is 22."""

_PATIENCE_SECONDS = 1.0
LOCK_NAME = ".octomed.lock"
"""What a folder is held by: an output or a store while a run writes, a training's folder while it trains."""
_LOCK_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def content_key(value: object) -> str:
    """Hash plain values into a key of 32 hexadecimal digits.

    Parameters
    ----------
    value
        Anything that JSON can hold; mappings hash by content, whatever their order.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def storage_error(action: str, path: Path | str, error: OSError) -> StorageError:
    """Put an operating system's error into words that name the file and the way out."""
    reason = error.strerror or str(error)
    return StorageError(
        f"cannot {action} `{shown(str(path))}`: {reason}", _HINTS.get(error.errno or 0, _MEND), error.errno
    )


_FULL = (
    "free some space or choose another disk, then run the same command again: "
    "finished work is kept and reused"
)
_MEND = "once that is fixed, run the same command again: finished work is kept and reused"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: "check the permissions of the folder",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.ELOOP: "remove the link: links are not followed inside an output or a store",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another path",
}


def with_hint(error: StorageError) -> StorageError:
    """Give the engine's error a hint where it has none, by the system's error number."""
    return error if error.hint is not None else error.with_hint(_HINTS.get(error.errno or 0, _MEND))


def temporary_name(name: str) -> str:
    """Return a name that nobody can guess, for what will be `name`; `octomed.leftovers` knows its form."""
    stem = os.fsdecode(os.fsencode(name)[:_LONGEST_STEM])
    return f".{stem}.tmp-{secrets.token_hex(8)}"


def is_temporary_name(name: str) -> bool:
    """Tell whether a name is one that `temporary_name` gives, for whatever file."""
    return _TEMPORARY.fullmatch(name) is not None


_TEMPORARY = re.compile(r"\..+\.tmp-[0-9a-f]{16}", re.DOTALL)


@contextlib.contextmanager
def atomic_file(path: Path, *, mode: Mode = "umask", sync: bool = True) -> Iterator[BinaryIO]:
    """Write a file that appears whole or not at all, and is there after a power cut.

    Yields a new file beside the target. When the block ends it reaches the disk, then it is renamed, then its
    folder reaches the disk. It is locked until then, so that others can tell what a dead process left.

    Parameters
    ----------
    path
        The target.
    mode
        Who may read it.
    sync
        Whether to wait for the disk: not for what is compared with a digest before it is used.

    Raises
    ------
    StorageError
        When the file cannot be written, or a link stands in its place; no half file is left.
    """
    try:
        refuse_link(path)
        descriptor, temporary = _create(path, mode)
    except OSError as error:
        raise storage_error("write", path, error) from error
    _TEMPORARIES.add(temporary)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 it is open already
            yield file
            file.flush()
            if sync:
                os.fsync(descriptor)
            temporary.replace(path)
        if sync:
            sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise storage_error("write", path, error) from error
        raise
    finally:
        _TEMPORARIES.discard(temporary)


_TEMPORARIES: set[Path] = set()
"""Temporary files that this process is writing."""


def remove_temporaries() -> None:
    """Remove the temporary files of calls that still run, in Python and in Rust: the process ends."""
    _octomed.remove_temporaries()
    for path in list(_TEMPORARIES):
        with contextlib.suppress(OSError):
            path.unlink()


def _create(path: Path, mode: Mode) -> tuple[int, Path]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        temporary = path.with_name(temporary_name(path.name))
        try:
            descriptor = os.open(temporary, flags, FILE_MODES[mode] or 0o666)
        except FileExistsError:  # of 64 random bits: once, if ever
            continue
        with contextlib.suppress(OSError):  # where there are no locks nobody looks for any
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            _settle(descriptor, FILE_MODES[mode])
            return descriptor, temporary
        os.close(descriptor)  # between the two calls somebody took it for a dead process's


def _settle(target: int | Path, mode: int | None) -> None:
    """Give what is new the mode that was asked for, whatever the umask took from it."""
    if mode is not None:
        os.chmod(target, mode)  # noqa: PTH101 of an open file too


def give_mode(path: Path, mode: Mode) -> None:
    """Give a file or folder that stands the mode that is asked for; `umask` leaves it as it is.

    Raises
    ------
    StorageError
        When that is not allowed.
    """
    try:
        status = path.lstat()
        wanted = (FOLDER_MODES if stat.S_ISDIR(status.st_mode) else FILE_MODES)[mode]
        if wanted is not None and not stat.S_ISLNK(status.st_mode) and stat.S_IMODE(status.st_mode) != wanted:
            path.chmod(wanted)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error("change the mode of", path, error) from error


def refuse_link(path: Path) -> None:
    """Raise where a link stands: what it leads to is somebody else's.

    Raises
    ------
    OSError
        With the number of a link that is not followed.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "there is a link, which is not followed")


def sync_file(path: Path) -> None:
    """Wait until a file that was written before is on the disk.

    Raises
    ------
    StorageError
        When it did not get there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error("write", path, error) from error


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where its file system syncs folders.

    Raises
    ------
    OSError
        When they did not get there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes, *, mode: Mode = "umask", sync: bool = True) -> None:
    """Write ``data`` as :func:`atomic_file` does."""
    with atomic_file(path, mode=mode, sync=sync) as file:
        file.write(data)


def write_json(path: Path, value: object, *, mode: Mode = "umask") -> None:
    """Write ``value`` as JSON with sorted keys, atomically."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)
    # A path of this machine may hold bytes that are not UTF-8: JSON writes those as `\\udcNN`.
    write_atomically(path, (text + "\n").encode(errors="backslashreplace"), mode=mode)


def make_folder(path: Path, mode: Mode = "umask") -> None:
    """Make a folder and those above it; each that is new is on the disk when this returns.

    Parameters
    ----------
    path
        The folder; one that stands keeps its mode.
    mode
        Who may look into it; those above it are made as the umask says.

    Raises
    ------
    StorageError
        When that is not allowed, or a file stands in the way.
    """
    if path.is_dir():
        return
    if not path.parent.is_dir() and path.parent != path:
        make_folder(path.parent)
    try:
        path.mkdir(mode=FOLDER_MODES[mode] or 0o777, exist_ok=True)
        _settle(path, FOLDER_MODES[mode])
        sync_folder(path.parent)
    except FileExistsError as error:
        raise StorageError(f"`{path}` is a file, not a folder", "choose another path", error.errno) from error
    except OSError as error:
        raise storage_error("make the folder", path, error) from error


def make_folder_inside(parent: Path, name: str, mode: Mode = "umask") -> Path:
    """Make a folder of an output or a store, and those between; a link in its place is not followed.

    Raises
    ------
    StorageError
        As :func:`make_folder`, and where a link stands.
    """
    path = parent
    for part in Path(name).parts:
        path /= part
        try:
            refuse_link(path)
        except OSError as error:
            raise storage_error("write to", path, error) from error
        make_folder(path, mode)
    return path


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool, busy: str, mode: Mode = "umask") -> Iterator[Lock]:
    """Hold a lock on ``path`` (flock) for as long as the block runs; a dead process holds none.

    Parameters
    ----------
    path
        The lock file; it is made, and stays.
    exclusive
        Alone, or together with other shared holders.
    busy
        The message of the error when somebody else holds it.
    mode
        Who may read the lock file.

    Raises
    ------
    RecipeError
        When the lock is held by another process.
    StorageError
        When the lock file cannot be opened, or is a link.
    """
    try:
        refuse_link(path)
        descriptor = _open_lock(path, mode)
    except OSError as error:
        raise storage_error("write", path, error) from error
    try:
        if not _take(descriptor, exclusive=exclusive):
            raise RecipeError(busy, "wait for the other run to end, or choose another folder")
        yield Lock(descriptor)
    finally:
        os.close(descriptor)


def _open_lock(path: Path, mode: Mode) -> int:
    try:
        descriptor = os.open(path, _LOCK_FLAGS | os.O_CREAT | os.O_EXCL, FILE_MODES[mode] or 0o666)
    except FileExistsError:
        return os.open(path, _LOCK_FLAGS)
    _settle(descriptor, FILE_MODES[mode])
    return descriptor


def _take(descriptor: int, *, exclusive: bool) -> bool:
    """Take a lock; a shared one waits a moment, for a run that ends holds a store alone for as long."""
    end = time.monotonic() + (0 if exclusive else _PATIENCE_SECONDS)
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_PATIENCE_SECONDS / 50)
        else:
            return True


@dataclass(frozen=True)
class Lock:
    """A lock that is held."""

    descriptor: int

    def alone(self) -> bool:
        """Make a shared lock exclusive where nobody else holds it; otherwise it stays shared.

        It may be lost between the two: what it protects is not touched after this has returned false.
        """
        for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH):
            try:
                fcntl.flock(self.descriptor, kind | fcntl.LOCK_NB)
            except OSError:
                continue
            return kind == fcntl.LOCK_EX
        return False

    def share(self) -> None:
        """Make the lock shared again, for others that come."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)
