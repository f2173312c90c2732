"""`--set key=value`: a recipe edited on the command line, with every message naming the option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.recipe.document import parse_document
from octomed.recipe.limits import DEEPEST, TOO_DEEP
from octomed.recipe.problems import Place, Problem, RecipeProblems, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.recipe.document import Document, Keys


_MOST_DIGITS = 10


def apply_overrides(document: Document, options: Sequence[str], *, option_name: str = "--set ") -> None:
    """Put each option's value into the document, in their order.

    Parameters
    ----------
    document : Document
        The recipe as read; changed in place.
    options : sequence of str
        `pack.capacity=8192`; lists by index, sources by index or name; values are YAML.
    option_name : str
        What stands before each on the command line, for messages.
    """
    for option in options:
        place = Place(f"{option_name}{option}")
        try:
            _apply(document, option, place, example=f"{option_name}pack.capacity=8192")
        except RecipeProblems as error:
            document.problems.extend(error.problems)


def _apply(document: Document, option: str, place: Place, *, example: str) -> None:
    dotted, equals, text = option.partition("=")
    if not equals or not dotted.strip():
        raise _fail(place, "an override is written `key=value`", f"for example `{example}`")
    if document.values is None:
        document.values = {}
    way = _way(document, dotted.strip(), place)
    value = parse_document(text, place.origin, place)
    document.problems.extend(value.problems)
    _forget(document, way)
    _put(document.values, way, value.values)
    for known in range(1, len(way) + 1):
        document.keys.setdefault(way[:known], place)
        document.places.setdefault(way[:known], place)
    document.keys.update({(*way, *below): place for below in value.keys})
    document.places.update({(*way, *below): place for below in value.places})


def _way(document: Document, dotted: str, place: Place) -> Keys:
    """Resolve `sources.medqa.path` against the document, making absent mappings on the way."""
    way: Keys = ()
    values, rest = document.values, dotted
    while rest:
        if len(way) == DEEPEST:
            raise _fail(place, TOO_DEEP)
        part: str | int
        if isinstance(values, list):
            part, rest = _item(values, way, rest, place)
        elif isinstance(values, dict):
            part, _, rest = rest.partition(".")
        else:
            raise _fail(place, f"`{_words(way)}` holds one value, so nothing can be set below it")
        way = (*way, part)
        if rest:
            values = _below(values, part)
    return way


def _below(values: Any, part: str | int) -> Any:  # noqa: ANN401 any YAML value
    if isinstance(values, list):
        return values[int(part)]
    if values.get(part) is None:
        values[part] = {}
    return values[part]


def _item(values: list[Any], way: Keys, rest: str, place: Place) -> tuple[int, str]:
    """Find the item of a list that the front of `rest` names, and return what remains."""
    names = [
        str(item.get("name")) if way == ("sources",) and isinstance(item, dict) else "" for item in values
    ]
    for name in sorted(filter(None, names), key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}."):
            return names.index(name), rest[len(name) + 1 :]
    part, _, remains = rest.partition(".")
    if part.isascii() and part.isdecimal() and len(part) < _MOST_DIGITS and int(part) < len(values):
        return int(part), remains
    known = [name for name in names if name] or [str(index) for index in range(len(values))]
    raise _fail(place, f"`{_words(way)}` has no `{part}`", suggest(part, known, kind="names"))


def _put(values: Any, way: Keys, value: Any) -> None:  # noqa: ANN401 any YAML value
    for part in way[:-1]:
        values = values[part]
    values[way[-1]] = value


def _forget(document: Document, way: Keys) -> None:
    """Drop the places of the value that is replaced, but keep those around it."""
    for table in (document.keys, document.places):
        for known in [known for known in table if known[: len(way)] == way]:
            del table[known]


def _words(way: Keys) -> str:
    return ".".join(str(part) for part in way) or "the recipe"


def _fail(place: Place, message: str, hint: str | None = None) -> RecipeProblems:
    return RecipeProblems([Problem(place, message, hint)])
