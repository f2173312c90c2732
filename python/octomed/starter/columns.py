"""Columns of rows as a person sees them: what kind of value each holds, and what looks like a picture."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed import _octomed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PICTURE = re.compile(r"(?i)\.(jpe?g|png|webp|gif|bmp|tiff?)$|^data:image/")
_PICTURE_BYTES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_LONG_TEXT = 200
"""Characters beyond which a text is more than a label."""


@dataclass(frozen=True)
class Column:
    """A column of the first rows.

    Attributes
    ----------
    name
        As the file has it.
    kind
        What its values are, in words: `text`, `list of objects`, `image`.
    filled
        Rows in which it holds something.
    rows
        Rows that were looked at.
    characters
        Of its longest text; 0 of what is none.
    """

    name: str
    kind: str
    filled: int
    rows: int
    characters: int = 0

    @property
    def shows_images(self) -> bool:
        """Whether pictures are in it."""
        return self.kind in {"image", "list of images", TURNS_WITH_IMAGES}


def columns_in(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Describe columns by what the first rows hold.

    Parameters
    ----------
    names
        Of the columns, in the file's order.
    rows
        The first rows, as plain values.
    """
    return [_column(name, [row.get(name) for row in rows]) for name in names]


def _column(name: str, values: list[Any]) -> Column:
    filled = [value for value in values if value not in (None, "", [], {}, b"")]
    kinds = Counter(kind_of(name, value) for value in filled)
    kind = kinds.most_common(1)[0][0] if kinds else "empty"
    longest = max((len(value) for value in filled if isinstance(value, str)), default=0)
    return Column(name, kind, len(filled), len(values), longest)


def kind_of(name: str, value: Any) -> str:  # noqa: ANN401 any value of a row
    """Return what a value is, in words; a picture is one by its bytes, its path, or its column's name.

    Examples
    --------
    >>> kind_of("question", "Why?"), kind_of("image", "scans/7.png"), kind_of("turns", [{"role": "user"}])
    ('text', 'image', 'list of objects')
    """
    if is_picture(name, value):
        return "image"
    if isinstance(value, list | tuple):
        return _kind_of_list(name, value)
    return next((kind for types, kind in _KINDS if isinstance(value, types)), "text")


def _kind_of_list(name: str, value: Sequence[Any]) -> str:
    if any(True for _ in pictures_in_turns(value)):
        return TURNS_WITH_IMAGES
    kinds = {kind_of(name, item) for item in value}
    return f"list of {_PLURALS.get(kinds.pop(), 'values')}" if len(kinds) == 1 else "list"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "number"),
    (bytes, "bytes"),
    (dict, "object"),
)
TURNS_WITH_IMAGES = "list of objects with images"
_TYPES = ("image", "image_url")
_PLURALS = {
    "text": "texts",
    "number": "numbers",
    "object": "objects",
    "image": "images",
    "list of texts": "lists",
}


def pictures_in_turns(turns: Any) -> Iterator[Any]:  # noqa: ANN401 any value of a row
    """Yield the pictures of typed parts: what `{type: image, image: …}` and its like hold."""
    for turn in turns if isinstance(turns, list | tuple) else ():
        parts = turn.get("content") if isinstance(turn, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") in _TYPES:
                held = next((part[key] for key in (*_TYPES, "path", "url") if part.get(key)), None)
                yield held.get("url") if isinstance(held, dict) and "url" in held else held


def is_picture(name: str, value: Any) -> bool:  # noqa: ANN401 any value of a row
    """Tell whether a value is a picture, or names one."""
    if isinstance(value, bytes):
        return value.startswith(_PICTURE_BYTES)
    if isinstance(value, dict):
        return {"bytes", "path"} >= set(value) and bool(set(value))
    if not isinstance(value, str):
        return False
    return bool(_PICTURE.search(value)) or (
        _octomed.Mapping.is_picture_name(name) and len(value) < _LONG_TEXT and "." in value
    )
