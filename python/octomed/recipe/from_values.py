"""A recipe given as a dict, made a document as a YAML file is: its places are keys instead of lines."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any

from octomed.recipe.document import Document, Keys
from octomed.recipe.problems import Place, Problem

ORIGIN = "recipe"
"""How messages call a recipe that is a dict."""

_DEEPEST = 32


def document_of(values: Mapping[Any, Any]) -> Document:
    """Return a document of plain values, as a YAML file's would be.

    Parameters
    ----------
    values : mapping
        The recipe: text, numbers, lists and mappings; a path may be a `pathlib.Path`. It is copied.
    """
    document = Document(ORIGIN)
    document.values = _built(document, values, ())
    return document


def _built(document: Document, value: Any, way: Keys) -> Any:  # noqa: ANN401 a recipe's values are of any type
    place = Place(_words(document, way))
    document.places[way] = document.keys[way] = place
    if len(way) > _DEEPEST:
        document.problems.append(Problem(place, "this is nested too deeply", "does the dict hold itself?"))
        return None
    if isinstance(value, Mapping):
        return _built_mapping(document, value, way)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [
            _built(document, item, (*way, index)) for index, item in enumerate(_named(document, value, way))
        ]
    return _scalar(document, value, place)


def _built_mapping(document: Document, value: Mapping[Any, Any], way: Keys) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(key, str):
            built[key] = _built(document, item, (*way, key))
        else:
            place = document.places[way]
            document.problems.append(Problem(place, f"a key must be text, not {key!r}", "put it in quotes"))
    return built


def _named(document: Document, items: Sequence[Any], way: Keys) -> Sequence[Any]:
    """Note the names of sources, which stand for their numbers in what messages call a place."""
    if way == ("sources",):
        for index, item in enumerate(items):
            name = item.get("name") if isinstance(item, Mapping) else None
            if isinstance(name, str) and name:
                document.places["sources", index] = Place(f"sources.{name}")
    return items


def _words(document: Document, way: Keys) -> str:
    """Return the key as `--set` takes it: `sources.medqa.path`."""
    if not way:
        return ORIGIN
    named = document.places.get(way)
    if named is not None:
        return named.origin
    around = document.places.get(way[:-1])
    return str(way[-1]) if around is None or way[:-1] == () else f"{around.origin}.{way[-1]}"


def _scalar(document: Document, value: Any, place: Place) -> Any:  # noqa: ANN401 as above
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    message = f"a recipe holds text, numbers, lists and mappings, not a {type(value).__name__}"
    document.problems.append(Problem(place, message, "write what a YAML file would hold"))
    return None
