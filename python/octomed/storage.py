"""Files that appear whole or not at all, locks, and content keys."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError, StorageError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        f"cannot {action} `{shown(str(path))}`: {reason}", _HINTS.get(error.errno or 0, _MEND)
    )


_FULL = "free some space or choose another disk, then run the same command again: finished work stands"
_MEND = "once that is mended, run the same command again: finished work stands"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: "check the permissions of the folder",
    errno.EROFS: "the disk is mounted read-only; choose another folder",
    errno.ENOTDIR: "a file stands where the path wants a folder; choose another path",
}


def with_hint(error: StorageError) -> StorageError:
    """Give the engine's error a hint where it has none; its message ends with the system's error number."""
    if error.hint is None:
        number = re.search(r"\(os error (\d+)\)", error.message)
        error.hint = _HINTS.get(int(number[1]) if number else 0, _MEND)
    return error


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to a sibling file and rename it into place.

    Raises
    ------
    StorageError
        When the file cannot be written; no half file is left.
    """
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error("write", path, error) from error


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as JSON with sorted keys, atomically."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)
    # A path of this machine may hold bytes that are not UTF-8: JSON writes those as `\\udcNN`.
    write_atomically(path, (text + "\n").encode(errors="backslashreplace"))


def read_json(path: Path) -> Any | None:  # noqa: ANN401 a file holds any JSON
    """Read a JSON file; ``None`` where there is none, or where it is not whole."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return None
    except OSError as error:
        raise storage_error("read", path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises
    ------
    StorageError
        When that is not allowed, or a file stands in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StorageError(f"`{path}` is a file, not a folder", "choose another path") from error
    except OSError as error:
        raise storage_error("make the folder", path, error) from error


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool, busy: str) -> Iterator[None]:
    """Hold a lock on ``path`` (flock) for as long as the block runs; a dead process holds none.

    Parameters
    ----------
    path
        The lock file; it is made, and stays.
    exclusive
        Alone, or together with other shared holders.
    busy
        The message of the error when somebody else holds it.

    Raises
    ------
    RecipeError
        When the lock is held by another process.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error("write", path, error) from error
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(busy, "wait for the other run to end, or choose another folder") from error
        yield
    finally:
        os.close(descriptor)
