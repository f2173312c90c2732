"""A recipe given as a dict, made a document as a YAML file is: its places are keys instead of lines."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any

from octomed.recipe.document import Document, Keys
from octomed.recipe.limits import DEEPEST, TOO_DEEP, TOO_LARGE, TOO_MANY, Count, too_large
from octomed.recipe.problems import Place, Problem, RecipeProblems

ORIGIN = "recipe"
"""How messages call a recipe that is a dict."""

_HOLDS_ITSELF = "does the dict hold itself?"


def document_of(values: Mapping[Any, Any]) -> Document:
    """Return a document of plain values, as a YAML file's would be.

    Parameters
    ----------
    values : mapping
        The recipe: text, numbers, lists and mappings; a path may be a `pathlib.Path`. It is copied.
    """
    document = Document(ORIGIN)
    document.values = _Builder(document).build(values, ())
    return document


class _Builder:
    """Copies plain values, and notes the place of each."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = Count()

    def build(self, value: Any, way: Keys) -> Any:  # noqa: ANN401 a recipe's values are of any type
        place = Place(_words(self.document, way))
        self.document.places[way] = self.document.keys[way] = place
        if self.count.beyond(value if isinstance(value, str) else ""):
            raise RecipeProblems([Problem(place, TOO_MANY, _HOLDS_ITSELF)])
        if len(way) > DEEPEST:
            self.problem(place, TOO_DEEP, _HOLDS_ITSELF)
            return None
        if isinstance(value, Mapping):
            return self.mapping(value, way)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
            self.note_names(value, way)
            return [self.build(item, (*way, index)) for index, item in enumerate(value)]
        return self.scalar(value, place)

    def mapping(self, value: Mapping[Any, Any], way: Keys) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key, item in value.items():
            if isinstance(key, str):
                built[key] = self.build(item, (*way, key))
            else:
                message = f"a key must be text, not a {type(key).__name__}"
                self.problem(self.document.places[way], message, "put it in quotes")
        return built

    def note_names(self, items: Sequence[Any], way: Keys) -> None:
        """Note the names of sources, which stand for their numbers in what messages call a place."""
        if way == ("sources",):
            for index, item in enumerate(items):
                name = item.get("name") if isinstance(item, Mapping) else None
                if isinstance(name, str) and name:
                    self.document.places["sources", index] = Place(f"sources.{name}")

    def scalar(self, value: Any, place: Place) -> Any:  # noqa: ANN401 as above
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, os.PathLike):
            return os.fsdecode(value)
        if isinstance(value, numbers.Integral):
            return self.number(int(value), place)
        if isinstance(value, numbers.Real):
            try:
                return float(value)
            except (ArithmeticError, ValueError):
                self.problem(place, TOO_LARGE, None)
                return None
        message = f"a recipe holds text, numbers, lists and mappings, not a {type(value).__name__}"
        self.problem(place, message, "write what a YAML file would hold")
        return None

    def number(self, value: int, place: Place) -> int | None:
        if not too_large(value):
            return value
        self.problem(place, TOO_LARGE, None)
        return None

    def problem(self, place: Place, message: str, hint: str | None) -> None:
        self.document.problems.append(Problem(place, message, hint))


def _words(document: Document, way: Keys) -> str:
    """Return the key as `--set` takes it: `sources.medqa.path`."""
    if not way:
        return ORIGIN
    named = document.places.get(way)
    if named is not None:
        return named.origin
    around = document.places.get(way[:-1])
    return str(way[-1]) if around is None or way[:-1] == () else f"{around.origin}.{way[-1]}"
