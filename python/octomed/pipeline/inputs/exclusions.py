"""Lists of what is to leave a run: ids of traces, rows, and hashes of images, a line each."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError, RecipeError
from octomed.names import shown
from octomed.schemes import objects, scheme_of

if TYPE_CHECKING:
    from octomed.recipe.schema import Recipe

_HEX = re.compile(r"[0-9a-fA-F]{16}")
_LARGEST = 2**64
_HINT = (
    "a line is the id of a trace, `source:file:row` with the row's number from 0, or the hash of an image; "
    "`#` begins a comment"
)


def exclusions_of(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the lines of a recipe's lists of exclusions, as the engine takes them.

    Raises
    ------
    RecipeError
        When a list cannot be read.
    DataError
        When a line is nothing that can be excluded.
    """
    return [line for path in recipe.curate.exclude or () for line in read_exclusions(path)]


def read_exclusions(path: str) -> list[dict[str, Any]]:
    r"""Return what each line of a list names.

    Parameters
    ----------
    path
        The list, UTF-8: a file, or an object of a store.

    Raises
    ------
    RecipeError
        When it cannot be read.
    DataError
        When a line is nothing that can be excluded.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "withdrawn.txt"
    >>> _ = path.write_text("17  # consent withdrawn\nmedqa:train/a.jsonl:3\n")
    >>> read_exclusions(str(path))[1]["row"]
    {'source': 'medqa', 'file': 'train/a.jsonl', 'row': 3}
    """
    try:
        data = Path(path).read_bytes() if scheme_of(path) is None else objects().content(path)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"`{shown(path)}` is not UTF-8: {error.reason}", "save it as UTF-8") from error
    except OSError as error:
        message = f"`{shown(path)}` cannot be read: {error.strerror}"
        raise RecipeError(message, "`curate.exclude` names files") from error
    lines = enumerate(text.splitlines(), start=1)
    named = ((number, re.sub(r"(^|\s)#.*", "", line).strip()) for number, line in lines)
    return [_exclusion(path, number, line) for number, line in named if line]


def _exclusion(path: str, number: int, text: str) -> dict[str, Any]:
    line = f"{PurePosixPath(path).name}:{number}"
    ids = _ids(text)
    if ids:
        return {"line": line, "ids": ids}
    source, _, place = text.partition(":")
    file, _, row = place.rpartition(":")
    if not (source and file and row.isascii() and row.isdecimal() and int(row) < _LARGEST):
        raise DataError(f"`{shown(path)}` line {number}: `{shown(text)}` names nothing", _HINT)
    return {"line": line, "row": {"source": source, "file": file, "row": int(row)}}


def _ids(text: str) -> list[int]:
    """Return the numbers that a text may be: ids stand in tables, and hashes in messages in hexadecimal."""
    found = []
    try:
        number = int(text, 0) if text.lower().startswith(("0x", "-0x")) else int(text)
    except ValueError:
        number = _LARGEST
    if -(_LARGEST // 2) <= number < _LARGEST:  # PyTorch knows no unsigned numbers of 64 bits
        found.append(number % _LARGEST)
    if _HEX.fullmatch(text) and int(text, 16) not in found:
        found.append(int(text, 16))
    return found
