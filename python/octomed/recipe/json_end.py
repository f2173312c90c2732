"""Where the first value of a JSON file ends: whether the file is cut off, or continues after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from octomed import _octomed
from octomed.recipe.opening import open_stream

if TYPE_CHECKING:
    from octomed.recipe.kinds import Compressed

End = Literal["whole", "cut off", "more rows", "junk behind", "broken"]

_CHUNK_BYTES = 2**18
CUT_OFF = "a JSON object that is cut off: it never closes"
CUT_OFF_HINT = "copy or write the file again"


def end_of(path: str, compression: Compressed | None) -> End:
    """Tell how the first object of a file ends; for messages, because the file is read once more.

    Parameters
    ----------
    path : str
        A JSON file that begins with an object.
    compression : str or None
        What its name says of it.

    Returns
    -------
    str
        `broken` where it cannot be an object from some byte on, `more rows` where objects follow it.
    """
    # The shape says when it has seen enough, and no longer what it knew one byte before.
    leading, last, before_last = (_octomed.JsonShape() for _ in range(3))
    with open_stream(path, compression) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            if leading.feed(chunk):
                return _decided(last, before_last, chunk)
            last.feed(chunk)
            before_last.feed(chunk)
    return "whole" if _has_closed(leading) else "cut off"


def _decided(last: _octomed.JsonShape, before_last: _octomed.JsonShape, chunk: bytes) -> End:
    """Find the byte that decides, and what stood before it."""
    for at in range(len(chunk)):
        byte = chunk[at : at + 1]
        if last.feed(byte):
            if _has_closed(before_last):
                return "more rows" if byte == b"{" else "junk behind"
            return "broken"
        before_last.feed(byte)
    return "broken"


def _has_closed(shape: _octomed.JsonShape) -> bool:
    """Tell whether the first object has closed; the shape is of no use afterwards."""
    if shape.is_on_one_line:
        return bool(shape.layout == "object")
    shape.feed(b"{")
    return bool(shape.layout == "objects")
