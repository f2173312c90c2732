"""File names as text: a name may be any bytes, and what we write and print is UTF-8."""

from __future__ import annotations

import re

_BYTE_ESCAPES = re.compile("[\udc80-\udcff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def as_text(name: str) -> str:
    r"""Return a name with `\xNN` for each byte that is not UTF-8: what identifies its rows, and is stored.

    Nothing else is changed, a backslash neither: should another file of the source have that very name, it
    is an error that names both.

    Parameters
    ----------
    name : str
        As the operating system's functions give it: such bytes are lone surrogates.
    """
    return _BYTE_ESCAPES.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", name)


def shown(name: str) -> str:
    r"""Return a name for a message: on one line, with `\n`, `\x1b` and the like for control characters.

    Parameters
    ----------
    name : str
        As the operating system's functions give it.
    """
    return _UNPRINTABLE.sub(
        lambda found: _SHORT.get(found[0], f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}"),
        as_text(name),
    )
