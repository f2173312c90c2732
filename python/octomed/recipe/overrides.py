"""`--set key=value`: a recipe edited on the command line, with every message naming the option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.names import without_secrets
from octomed.recipe.limits import DEEPEST, TOO_DEEP
from octomed.recipe.problems import Place, Problem, RecipeProblems, suggest
from octomed.recipe.yaml_file import parse_document

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
    names = _SourceNames(document)
    for option in options:
        place = Place(f"{option_name}{without_secrets(option)}")
        try:
            _apply(document, option, place, names, example=f"{option_name}pack.capacity=8192")
        except RecipeProblems as error:
            document.problems.extend(error.problems)


class _SourceNames:
    """Where each source is in the document; read again only when an option may have changed it."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: dict[str, int] | None = None

    def forget(self, way: Keys) -> None:
        """Note that the value at `way` was replaced."""
        if way[:1] == ("sources",) and (len(way) <= 2 or way[2] == "name"):  # noqa: PLR2004 a source of the list
            self._found = None

    def index(self, rest: str) -> tuple[int, str] | None:
        """Return the source whose name `rest` begins with, the longest first, and what follows the name."""
        if self._found is None:
            self._found = {}
            for index, name in enumerate(self.all()):
                self._found.setdefault(name, index)
        ends = [len(rest), *(at for at in range(len(rest) - 1, 0, -1) if rest[at] == ".")]
        return next(
            ((self._found[rest[:end]], rest[end + 1 :]) for end in ends if rest[:end] in self._found), None
        )

    def all(self) -> list[str]:
        """Return all names."""
        sources = self._document.values.get("sources")
        return [
            str(item.get("name")) if isinstance(item, dict) else ""
            for item in (sources if isinstance(sources, list) else [])
        ]


def _apply(document: Document, option: str, place: Place, names: _SourceNames, *, example: str) -> None:
    dotted, equals, text = option.partition("=")
    if not equals or not dotted.strip():
        raise _fail(place, "an override is written `key=value`", f"for example `{example}`")
    if document.values is None:
        document.values = {}
    way = _way(document, dotted.strip(), place, names)
    value = parse_document(text, place.origin, place)
    document.problems.extend(value.problems)
    _forget(document, way, _at(document.values, way))
    _put(document.values, way, value.values)
    names.forget(way)
    for known in range(1, len(way) + 1):
        document.keys.setdefault(way[:known], place)
        document.places.setdefault(way[:known], place)
    document.keys.update({(*way, *below): place for below in value.keys})
    document.places.update({(*way, *below): place for below in value.places})


def _way(document: Document, dotted: str, place: Place, names: _SourceNames) -> Keys:
    """Resolve `sources.medqa.path` against the document, making absent mappings on the way."""
    way: Keys = ()
    values, rest = document.values, dotted
    while rest:
        if len(way) == DEEPEST:
            raise _fail(place, TOO_DEEP)
        part: str | int
        if isinstance(values, list):
            part, rest = _item(values, way, rest, place, names)
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


def _item(values: list[Any], way: Keys, rest: str, place: Place, names: _SourceNames) -> tuple[int, str]:
    """Find the item of a list that the front of `rest` names, and return what remains."""
    if way == ("sources",) and (found := names.index(rest)) is not None:
        return found
    part, _, remains = rest.partition(".")
    if part.isascii() and part.isdecimal() and len(part) < _MOST_DIGITS and int(part) < len(values):
        return int(part), remains
    known = [name for name in names.all() if name] if way == ("sources",) else []
    known = known or [str(index) for index in range(len(values))]
    raise _fail(place, f"`{_words(way)}` has no `{part}`", suggest(part, known, kind="names"))


def _put(values: Any, way: Keys, value: Any) -> None:  # noqa: ANN401 any YAML value
    for part in way[:-1]:
        values = values[part]
    values[way[-1]] = value


def _at(values: Any, way: Keys) -> Any:  # noqa: ANN401 any YAML value
    for part in way[:-1]:
        values = values[part]
    return values.get(way[-1]) if isinstance(values, dict) else values[way[-1]]


def _forget(document: Document, way: Keys, replaced: Any) -> None:  # noqa: ANN401 any YAML value
    """Drop the places of the value that is replaced, but keep those around it."""
    document.keys.pop(way, None)
    document.places.pop(way, None)
    if isinstance(replaced, dict | list):
        for part in replaced if isinstance(replaced, dict) else range(len(replaced)):
            _forget(document, (*way, part), replaced[part])


def _words(way: Keys) -> str:
    return ".".join(str(part) for part in way) or "the recipe"


def _fail(place: Place, message: str, hint: str | None = None) -> RecipeProblems:
    return RecipeProblems([Problem(place, message, hint)])
