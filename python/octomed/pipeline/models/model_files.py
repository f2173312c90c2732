"""Reads the files of a model's folder: bytes, text, JSON objects, each fault with the file and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_AGAIN = "copy or download it again, or save the tokenizer again with `save_pretrained`"

# Lists and objects inside of one another; `serde_json`, which reads the `tokenizer.json`, takes 127.
_DEEPEST = 100


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises
    ------
    RecipeError
        When it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error


def read_text(path: Path) -> str:
    """Read a file in UTF-8.

    Raises
    ------
    RecipeError
        When it cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 (byte {error.start})") from error


def read_vocabulary(path: Path) -> bytes:
    """Read a `tokenizer.json`, whose JSON is left to the engine.

    Raises
    ------
    RecipeError
        When it cannot be read, or its first bytes say that it is something else.
    """
    content = read_bytes(path)
    refuse_foreign(path, content)
    return content


def json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is not there is an empty one.

    Raises
    ------
    RecipeError
        When it is no JSON object of moderate depth whose strings are text.
    """
    if not path.is_file():
        return {}
    refuse_foreign(path, read_bytes(path))
    try:
        value = json.loads(read_text(path))
    except RecursionError as error:
        raise _too_deep(path) from error
    except ValueError as error:
        raise RecipeError(f"{path} is not JSON: {error}", _AGAIN) from error
    if not isinstance(value, dict):
        raise RecipeError(f"{path} does not hold a JSON object")
    _refuse_hostile(path, value)
    return value


def refuse_foreign(path: Path, content: bytes) -> None:
    """Refuse what is certainly no JSON by what it is.

    Raises
    ------
    RecipeError
        When a file is empty, begins with a byte order mark, or is of another kind.
    """
    from octomed.recipe.sniff import foreign  # noqa: PLC0415 needs the extension, which built-in names do not

    if not content.strip():
        raise RecipeError(f"{path} is empty", _AGAIN)
    looks = foreign(str(path), "json", None)
    if looks is not None:
        told = looks.what.startswith(("a git-LFS", "an HTML page", "text in UTF-"))
        raise RecipeError(f"{path} is {looks.what}", looks.hint if told else _AGAIN)
    if content.startswith(_BOM):
        hint = "remove it: `sed -i '1s/^\\xEF\\xBB\\xBF//' FILE`"
        raise RecipeError(f"{path} begins with a byte order mark, which JSON does not allow", hint)


def _refuse_hostile(path: Path, value: dict[str, Any]) -> None:
    """Refuse strings that are no text, and what nests too deep for those that walk it, level by level."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inside += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                inside += item
            elif isinstance(item, str):
                _refuse_half_characters(path, item)
        level = inside
    if level:
        raise _too_deep(path)


def _refuse_half_characters(path: Path, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        message = f"{path} is not text: it has `{half}`, one half of a character, without its other half"
        raise RecipeError(message, "write the whole character, or remove the string") from error


def _too_deep(path: Path) -> RecipeError:
    return RecipeError(f"{path} nests lists or objects more than {_DEEPEST} deep", _AGAIN)
