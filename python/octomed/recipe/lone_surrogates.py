"""Halves of surrogate pairs in a recipe's texts: an escape can write them, and no UTF-8 can hold them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from octomed.names import printable
from octomed.recipe.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.recipe.document import Document, Keys

_ANY = re.compile("[\ud800-\udfff]")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Those that are not what Python makes of a file name's bytes."""


def names_a_path(way: Keys, value: str) -> bool:
    """Tell whether a text of a recipe is the path of a file."""
    if way[:1] == ("sources",):
        return way[2:3] == ("path",)
    if way == ("template",):
        return value.endswith((".jinja", ".jinja2", ".j2"))
    return way in {("model",), ("output", "path"), ("work", "path")}


def lone_surrogates(document: Document, is_path: Callable[[Keys, str], bool] = names_a_path) -> list[Problem]:
    """Return a problem for each key and text that is not Unicode.

    Parameters
    ----------
    document : Document
        A recipe.
    is_path : callable
        Tells its paths, in which U+DC80 to U+DCFF stand for bytes that are not UTF-8, and are let be.
    """
    return list(_found(document, document.values, (), is_path))


def _found(
    document: Document,
    value: Any,  # noqa: ANN401 any YAML value
    way: Keys,
    is_path: Callable[[Keys, str], bool],
) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _problem(document, (*way, key), _ANY.search(key), "this key")
            yield from _found(document, item, (*way, key), is_path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _found(document, item, (*way, index), is_path)
    elif isinstance(value, str):
        pattern = _NO_BYTE if is_path(way, value) else _ANY
        yield from _problem(document, way, pattern.search(value), f"`{_words(way)}`")


def _problem(document: Document, way: Keys, found: re.Match[str] | None, what: str) -> Iterator[Problem]:
    if found is None:
        return
    place = document.place(way, key=what == "this key")
    place = replace(place, origin=printable(place.origin))
    message = f"{what} holds U+{ord(found[0]):04X}, a lone surrogate, which is not a character"
    yield Problem(place, message, "write the character itself, or its escape `\\U0001F600`, or leave it out")


def _words(way: Keys) -> str:
    return printable(".".join(map(str, way)))
