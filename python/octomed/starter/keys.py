"""All keys of a recipe with their types' words, out of its schema: for explanations, and for completion."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.recipe.schema import schema_json

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "NAME"
"""Stands in a key for what the user calls something: a source, a group, a store's number."""
_DEEPEST = 7


@dataclass(frozen=True)
class Key:
    """A key of a recipe.

    Attributes
    ----------
    name
        As `--set` takes it, dots between its parts.
    about
        What it says.
    choices
        The words that it takes, where there are such.
    default
        What counts without it; None where nothing does.
    """

    name: str
    about: str
    choices: tuple[str, ...] = ()
    default: Any = None


@functools.cache
def keys() -> dict[str, Key]:
    """Return all keys of a recipe, by name.

    Examples
    --------
    >>> keys()["pack.capacity"].default, keys()["supervise"].choices
    (16384, ('all', 'last'))
    """
    schema = schema_json()
    found: dict[str, Key] = {}
    for key in _of(schema, schema["$defs"], ""):
        found.setdefault(key.name, key)
    return found


def _of(part: dict[str, Any], parts: dict[str, Any], way: str) -> Iterator[Key]:
    if way.count(".") >= _DEEPEST:
        return
    for name, value in part.get("properties", {}).items():
        key = f"{way}.{name}" if way else name
        forms = list(_forms(value, parts))
        about = value.get("description") or next(
            (one["description"] for one in forms if "description" in one), ""
        )
        yield Key(key, about, tuple(_choices(forms)), value.get("default"))
        for form in forms:
            yield from _of(form, parts, key)
            for inner in _inner(form, parts):
                yield from _of(inner, parts, f"{key}.{NAME}")


def _forms(value: dict[str, Any], parts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a value may be."""
    if "$ref" in value:
        yield from _forms(parts[value["$ref"].rpartition("/")[2]], parts)
    for several in ("anyOf", "oneOf", "allOf"):
        for one in value.get(several, ()):
            yield from _forms(one, parts)
    if not value.keys() & {"$ref", "anyOf", "oneOf"}:
        yield value


def _inner(form: dict[str, Any], parts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the items of a list, or the values of a mapping of names, may be."""
    for key in ("items", "additionalProperties"):
        if isinstance(form.get(key), dict):
            yield from _forms(form[key], parts)


def _choices(forms: list[dict[str, Any]]) -> Iterator[str]:
    for form in forms:
        yield from (str(one) for one in form.get("enum", ()))
        if "const" in form:
            yield str(form["const"])
        if form.get("type") == "boolean":
            yield from ("true", "false")
