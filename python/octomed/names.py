"""File names as text: a name may be any bytes, and what we write and print is UTF-8."""

from __future__ import annotations

import re

_BYTE_ESCAPES = re.compile("[\udc80-\udcff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
UNPRINTABLE = re.compile(f"{_BYTE_ESCAPES.pattern}|{_CONTROLS.pattern}")
"""What of a name a terminal cannot show, or would obey."""

_LAST_OF_BYTE = 0xFF
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
    return _CONTROLS.sub(_escaped, as_text(name))


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{number:02x}" if number <= _LAST_OF_BYTE else f"\\u{number:04x}")


def printable(text: str) -> str:
    r"""Return text that any stream takes: what is no Unicode in it is written `\udcNN`, as JSON writes it.

    Parameters
    ----------
    text : str
        A line of output, JSON or not, in which a path of this machine may stand.
    """
    return text.encode(errors="backslashreplace").decode()
