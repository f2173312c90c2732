"""State files: JSON that OctoMed writes for itself, each with a digest of its own content.

A file that is loaded is a record, or `NotThere`, or `Damaged`. What can be made again of a damaged file is
made again by its caller, with a note; where nothing can, `Damaged.error` says what to do.
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from octomed.errors import OctomedError, RecipeError, StorageError
from octomed.names import shown
from octomed.storage import Mode, content_key, storage_error, write_json
from octomed.strict_json import parse, plain, read_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.store import Files

T = TypeVar("T")


@dataclass(frozen=True)
class NotThere:
    """There is no such file.

    Attributes
    ----------
    file
        Its path or address.
    """

    file: str


@dataclass(frozen=True)
class Damaged:
    """A file that is not what we wrote.

    Attributes
    ----------
    file
        Its path or address.
    what
        What is wrong with it.
    hint
        What to do about it.
    foreign
        Whether it is JSON, but nothing that we ever wrote.
    """

    file: str
    what: str
    hint: str
    foreign: bool = False

    def error(self, hint: str | None = None) -> StorageError:
        """Return the error where the file cannot be made again."""
        return StorageError(f"`{shown(self.file)}` is damaged: {self.what}", hint or self.hint)

    def note(self) -> str:
        """Return what is told where it is made again."""
        return f"`{shown(self.file)}` was damaged ({self.what}) and is made again"


@dataclass(frozen=True)
class StateFile(Generic[T]):
    """A kind of state file.

    Attributes
    ----------
    record
        The frozen dataclass of its content.
    hint
        What to do about a damaged one.
    format
        The format that is written: the newest that is known. Files of format 1 have no digest; those of most
        kinds do not name it.
    oldest
        The oldest format that is read.
    part
        The key whose object holds the digest; the file's own object by default.
    upgrade
        Brings the value of an older format into the newest form.
    """

    record: type[T]
    hint: str
    format: int = 2
    oldest: int = 1
    part: str | None = None
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def load(self, path: Path) -> T | NotThere | Damaged:
        """Read a file.

        Raises
        ------
        RecipeError
            When it is of a newer format.
        StorageError
            When it cannot be read at all.
        """
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe waits for a writer without end
                what = "it is a folder" if path.is_dir() else "it is not a file"
                return Damaged(str(path), what, self.hint)
            return self.read(path.read_bytes(), str(path))
        except (FileNotFoundError, NotADirectoryError):
            return NotThere(str(path))
        except IsADirectoryError:
            return Damaged(str(path), "it is a folder", self.hint)
        except OSError as error:
            raise storage_error("read", path, error) from error

    def load_from(self, store: Files, name: str) -> T | NotThere | Damaged:
        """Read a file of a store, as `load` does.

        Parameters
        ----------
        store, name
            Where it is.
        """
        folder = getattr(store, "folder", None)
        if isinstance(folder, Path):  # of this machine, where a folder or a pipe may stand in a file's place
            return self.load(folder / name)
        file = f"{str(getattr(store, 'address', '')).rstrip('/')}/{name}"
        try:
            return self.read(store.read(name), file)
        except FileNotFoundError:
            return NotThere(file)

    def read(self, data: bytes, file: str) -> T | Damaged:
        """Read the bytes of a file.

        Parameters
        ----------
        data
            The whole file.
        file
            Its path or address, for messages.

        Raises
        ------
        RecipeError
            When it is of a newer format.
        """
        try:
            value = parse(data)
        except ValueError as error:
            return Damaged(file, str(error), self.hint)
        if not isinstance(value, dict):
            return Damaged(file, "it does not hold a JSON object", self.hint, foreign=True)
        found = value.get("format", 1)
        if type(found) is not int or found < 1:
            return Damaged(file, "`format` is not a format number", self.hint, foreign=True)
        if found > self.format:
            raise _newer(file, found, self.format)
        if found < self.oldest:
            return Damaged(file, f"it is of format {found}, or has lost its `format`", self.hint)
        try:
            self._check_digest(value, found)
            value = value if found == self.format or self.upgrade is None else self.upgrade(value)
            return read_as(self.record, value)
        except (ValueError, RecursionError) as error:
            return Damaged(file, str(error) or "it is nested too deep", self.hint)

    def write(self, path: Path, record: T, mode: Mode = "umask") -> None:
        """Write a record, whole or not at all, with the digest of its content."""
        write_json(path, self.signed(plain(record)), mode=mode)

    def put_to(self, store: Files, name: str, record: T) -> None:
        """Write a record into a store, as `write` does."""
        store.put(name, as_written(self.signed(plain(record))))

    def signed(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return a value as it is written: with the format, and with the digest of all else."""
        value = {**value, "format": self.format}
        part = dict(value.get(self.part) or {}) if self.part else value
        part.pop("digest", None)
        if self.part:
            value[self.part] = part
        part["digest"] = content_key(value)
        return value

    def _check_digest(self, value: dict[str, Any], found: int) -> None:
        part = value.get(self.part) if self.part else value
        digest = part.get("digest") if isinstance(part, dict) else None
        if digest is None and found == 1:
            return
        if digest is None:
            raise ValueError("it has no digest of its own")
        if self._digest(value) != digest:
            raise ValueError("its content is not what its own digest says")

    def _digest(self, value: dict[str, Any]) -> str:
        rest = dict(value)
        part = dict(rest[self.part]) if self.part else rest
        part.pop("digest")
        if self.part:
            rest[self.part] = part
        return content_key(rest)


def is_as_written(data: bytes) -> bool:
    """Tell whether a state file is, byte for byte, what `StateFile.write` makes of its value."""
    return as_written(parse(data)) == data


def as_written(value: object) -> bytes:
    """Return the bytes of a JSON file as `octomed.storage.write_json` writes it."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False)
    return (text + "\n").encode(errors="backslashreplace")


def there(found: T | NotThere | Damaged) -> T | None:
    """Return a record, or ``None`` where there is none that can be used."""
    return None if isinstance(found, NotThere | Damaged) else found


def _newer(file: str, found: int, known: int) -> OctomedError:
    message = f"`{shown(file)}` has format {found}, and this version of octomed reads {known}"
    return RecipeError(message, "install the octomed that wrote it, or a newer one")
