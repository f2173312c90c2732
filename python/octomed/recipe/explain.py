"""Validation errors in a user's words: where, what, and the nearest thing that would be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from octomed.recipe.formats import AnyOf
from octomed.recipe.problems import Problem, show, suggest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from octomed.recipe.document import Document, Keys
    from octomed.recipe.problems import Place

Models = Mapping["tuple[str, ...]", "type[BaseModel]"]
"""The typed models of a file's mappings, by the names that lead to them."""

_WANTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}

_LIMITS = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt:g}",
    "less_than": "must be less than {lt:g}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "finite_number": "must be a finite number",
    "int_parsing_size": "is too large a number",
}


_SHAPES = {"<text>", "<any_of>", "<list>", "<mapping>"}
"""What `formats` calls the forms of a value; no other word in a way is left out."""


def problems_of(error: ValidationError, document: Document, models: Models) -> list[Problem]:
    """Return what pydantic found, each with its place in the file and a hint.

    Parameters
    ----------
    error : ValidationError
        What was found.
    document : Document
        The file, with its places.
    models : mapping
        Which keys there are: `octomed.recipe.schema.MODELS` are those of a recipe.
    """
    details = error.errors(include_url=False)
    return [_problem(detail, document, models) for detail in details if not _about_bad_items(detail)]


def _about_bad_items(detail: ErrorDetails) -> bool:
    """Tell whether a list is called too short only because its items, which have errors too, do not count."""
    return detail["type"] == "too_short" and bool(detail["input"])


def keys_at(way: Keys, models: Models) -> list[str]:
    """Return the keys that may be used in the mapping at `way`."""
    words = tuple(part for part in way if isinstance(part, str))
    inside_column = words[:2] == ("sources", "format") and words not in models
    # Names that a recipe gives itself stand as `*`: those of groups.
    model = AnyOf if inside_column else models.get(words) or models.get((*words[:2], "*", *words[3:]))
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def dotted(way: Keys, values: Any) -> str:  # noqa: ANN401 any YAML value
    """Return a way as users write it after `--set`: `sources.medqa.path`."""
    words: list[str] = []
    for part in way:
        values = _step(values, part)
        named = isinstance(part, int) and words == ["sources"] and isinstance(values, dict)
        words.append(str(values.get("name", part)) if named and isinstance(values, dict) else str(part))
    return ".".join(words)


def _step(values: Any, part: str | int) -> Any:  # noqa: ANN401 any YAML value
    if isinstance(values, dict):
        return values.get(part)
    if isinstance(values, list) and isinstance(part, int) and part < len(values):
        return values[part]
    return None


def _problem(detail: ErrorDetails, document: Document, models: Models) -> Problem:
    context = detail.get("ctx") or {}
    found = tuple(part for part in detail["loc"] if part not in _SHAPES)
    way: Keys = (*found, *context.get("at", ()))
    name = dotted(way, document.values) or "the recipe"
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(way, document, models)
    if kind == "missing":
        return _missing_key(way, document)
    if kind == "literal_error":
        return _wrong_choice(name, detail, document, way)
    return _wrong_value(name, detail, document.place(way))


def _wrong_value(name: str, detail: ErrorDetails, place: Place) -> Problem:
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "octomed":
        return Problem(place, f"`{name}`: {context['message']}", context.get("hint"))
    if kind in _LIMITS:
        return Problem(place, f"`{name}` {_LIMITS[kind].format(**context)}, not {show(detail['input'])}")
    wanted = _WANTED.get(kind)
    if wanted is None:
        return Problem(place, f"`{name}`: {detail['msg']}")
    return Problem(
        place, f"`{name}` must be {wanted}, not {show(detail['input'])}", _type_hint(kind, detail["input"])
    )


def _unknown_key(way: Keys, document: Document, models: Models) -> Problem:
    key, around = str(way[-1]), way[:-1]
    where = f" in `{dotted(around, document.values)}`" if around else ""
    home = _home(key, models)
    hint = f"`{key}` belongs in `{home}`" if home else suggest(key, keys_at(around, models), kind="keys")
    return Problem(document.place(way, key=True), f"unknown key `{key}`{where}", hint)


def _home(key: str, models: Models) -> str | None:
    homes = [".".join(way) for way, model in models.items() if way and key in model.model_fields]
    return homes[0] if homes else None


def _missing_key(way: Keys, document: Document) -> Problem:
    around = way[:-1]
    where = f"`{dotted(around, document.values)}`" if around else "the recipe"
    return Problem(document.place(around), f"{where} has no key `{way[-1]}`", f"add `{way[-1]}: …`")


def _wrong_choice(name: str, detail: ErrorDetails, document: Document, way: Keys) -> Problem:
    expected = str((detail.get("ctx") or {}).get("expected", ""))
    choices = [word.strip().strip("'") for word in expected.replace(" or ", ",").split(",")]
    given = detail["input"]
    return Problem(
        document.place(way), f"`{name}` may not be {show(given)}", suggest(str(given), choices, kind="values")
    )


def _type_hint(kind: str, value: Any) -> str | None:  # noqa: ANN401 any YAML value
    if kind == "string_type" and value is not None and not isinstance(value, dict | list):
        return "put it in quotes"
    if kind in ("int_type", "float_type", "float_parsing", "bool_type") and isinstance(value, str):
        return "write it without quotes or units"
    return None
