"""An address of the web as a row has it, taken apart, and where its host is."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from octomed.web.errors import NoImage
from octomed.web.public import is_public

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 8192
_LONGEST_SHOWN = 120
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6})
_PORTS = {"http": 80, "https": 443}
_SAFE_IN_PATH = "/%:@!$&'()*+,;=~-._"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?[]|^`{}"

may_be_reached: Callable[[str], bool] = is_public
"""Tells of an address in numbers whether it may be reached: tests put a server of their own here."""


@dataclass(frozen=True)
class Place:
    """Whom to ask, and for what.

    Attributes
    ----------
    scheme
        `http` or `https`.
    host
        Name or number of the host, in ASCII.
    port
        Its port.
    target
        Path and query, as they are asked for.
    shown
        The address for words: scheme, host and path, and nothing that may be a key.
    """

    scheme: str
    host: str
    port: int
    target: str
    shown: str


def place_of(address: str) -> Place:
    """Take an address apart.

    Raises
    ------
    NoImage
        When it is no address of the web, or holds a user's name or password.

    Examples
    --------
    >>> place_of("https://Example.org/a b.png?key=1").shown
    'https://example.org/a%20b.png'
    """
    if len(address) > _LONGEST or _CONTROLS.search(address):
        raise NoImage("it is no address of the web", "image_url")
    try:
        parts = urlsplit(address)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:  # of which UnicodeError is one
        raise NoImage("it is no address of the web", "image_url") from error
    if parts.scheme not in _PORTS or not host or port == 0:
        raise NoImage("it is no address of the web", "image_url")
    if parts.username is not None or parts.password is not None:
        raise NoImage("the address holds a user's name or password, which are not sent", "image_url")
    path = quote(parts.path or "/", safe=_SAFE_IN_PATH)
    query = f"?{quote(parts.query, safe=_SAFE_IN_QUERY)}" if parts.query else ""
    shown = f"{parts.scheme}://{host}{path}"
    cut = f"{shown[:_LONGEST_SHOWN]}…" if len(shown) > _LONGEST_SHOWN else shown
    return Place(parts.scheme, host, port or _PORTS[parts.scheme], path + query, cut)


def found_at(place: Place) -> list[tuple[int, Any]]:
    """Return where a host is: families and addresses in numbers, as the system's calls take them.

    What is returned is what is connected to: no name is looked up a second time.

    Raises
    ------
    NoImage
        When nobody knows the name, or one of its addresses is not public.
    """
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise NoImage("its host is no name", "image_url") from error
    except OSError as error:
        passes = error.errno == socket.EAI_AGAIN
        raise NoImage("nobody knows its host", passes=passes) from error
    of_the_web: list[tuple[int, Any]] = [
        (family, where) for family, *_, where in found if family in _FAMILIES
    ]
    if not of_the_web or not all(may_be_reached(str(where[0])) for _, where in of_the_web):
        raise NoImage("it leads into a network that is not public")
    return of_the_web
