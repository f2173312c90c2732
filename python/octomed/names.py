"""File names as text: a name may be any bytes, and what we write and print is UTF-8.

What is printed goes through here, too: no character of a path, a file or a recipe may steer a terminal, or
turn the order of a line.
"""

from __future__ import annotations

import re

_BYTE_ESCAPES = re.compile("[\udc80-\udcff]")
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
"""Controls, separators of lines, marks and overrides of direction, and what has no width. The two joiners are
let be: Persian words and pictures of families need them."""
_CONTROLS_IN_TEXT = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
UNPRINTABLE = re.compile(f"{_BYTE_ESCAPES.pattern}|{_CONTROLS.pattern}")
"""What of a name a terminal cannot show, or would obey."""

_LAST_OF_BYTE = 0xFF
_FIRST_BEYOND_ASCII = 0x7F
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


_ADDRESS = re.compile(
    r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^\s/?#`'\"]*@)?(?P<path>[^\s?#`'\"]*)"
    r"(?P<rest>[?#][^\s`'\"]*)?"
)


_WITH_WILDCARDS = frozenset({"s3", "gs", "gcs", "az", "azure", "abfs", "abfss", "hf", "file"})
"""Schemes whose addresses may have a `?` that is a wildcard; elsewhere a query begins there."""


def without_secrets(text: str) -> str:
    """Return a text without the userinfo and the query of the addresses in it: signed ones hold keys.

    Parameters
    ----------
    text : str
        An address, or a message or option in which some stand. A `?` of a store's address is a wildcard,
        unless `name=value` follows.

    Examples
    --------
    >>> without_secrets("cannot read `https://me:key@host/a.csv?sig=abc`")
    'cannot read `https://host/a.csv`'
    >>> without_secrets("s3://bucket/part-?.parquet")
    's3://bucket/part-?.parquet'
    """
    return _ADDRESS.sub(_cut, text) if "://" in text else text


def _cut(found: re.Match[str]) -> str:
    rest = found["rest"] or ""
    has_wildcards = found["scheme"].lower() in _WITH_WILDCARDS
    kept = rest if has_wildcards and not rest.startswith("#") and "=" not in rest else ""
    return f"{found['scheme']}://{found['path']}{kept}"


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{number:02x}" if number <= _LAST_OF_BYTE else f"\\u{number:04x}")


def safe(text: str) -> str:
    r"""Return text of several lines with `\x1b` and the like for control characters; JSON stays JSON.

    Parameters
    ----------
    text : str
        Line ends and tabs in it are meant.
    """
    return _CONTROLS_IN_TEXT.sub(_escaped_as_in_json, text)


def _escaped_as_in_json(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < _FIRST_BEYOND_ASCII else f"\\u{number:04x}"


def printable(text: str) -> str:
    r"""Return text that any stream takes and no terminal obeys.

    What is no Unicode in it is written `\udcNN`, as JSON writes it, and so are control characters.

    Parameters
    ----------
    text : str
        Lines of output, JSON or not, in which a path of this machine may stand.
    """
    return safe(text).encode(errors="backslashreplace").decode()


def printable_line(text: str) -> str:
    r"""Return text for one line: line ends in it are written `\n`."""
    return shown(text).encode(errors="backslashreplace").decode()
