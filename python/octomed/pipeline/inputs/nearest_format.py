"""Which built-in row format suits columns: for sources without one, and those whose own does not suit."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.recipe.presets import (
    gives_traces,
    left_out_columns,
    load_preset,
    preset_names,
    telling_columns,
    trainable_presets,
)
from octomed.report.samples import NearFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_MISSING = 1
"""A format that lacks more of its columns is not near."""

_LEARNED = {"response": "response"}
"""Stands for what a recipe would map: only a mapping with it is compared with columns."""


@functools.cache
def _mappings() -> dict[str, _octomed.Mapping]:
    return {name: _octomed.Mapping(load_preset(name)) for name in trainable_presets()}


@functools.cache
def _required_of_evaluation() -> dict[str, frozenset[str]]:
    """Return what rows of evaluation sets must have, by format."""
    others = (name for name in preset_names() if name not in trainable_presets())
    return {
        name: frozenset(_octomed.mapped_columns(_octomed.Mapping(load_preset(name) | _LEARNED), [])[0])
        - frozenset(_LEARNED.values())
        for name in others
    }


def near_formats(columns: Sequence[str], *, but: str | None = None) -> tuple[NearFormat, ...]:
    """Return the built-in formats that suit these columns, or else those that all but do.

    Parameters
    ----------
    columns
        Columns of a file, or keys of its rows.
    but
        The format that the recipe names, which is known not to suit.
    """
    found = []
    for name, mapping in _mappings().items():
        missing, required, _ = _octomed.mapped_columns(mapping, list(columns))
        if name != but and len(missing) <= _MOST_MISSING and len(missing) < required:
            found.append(NearFormat(name, tuple(missing)))
    fewest = min((len(one.missing) for one in found), default=0)
    return tuple(one for one in found if len(one.missing) == fewest)


def suiting_formats(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the built-in formats that these columns may be of; several only where they differ.

    A format suits if its required columns are there, and no column that is there and that it does not read
    is one that another format of questions reads: `options` next to a format without them are no accident.
    Of those that suit, the ones that read most columns stay; of those that read the same columns the same
    way, one.

    Parameters
    ----------
    columns
        Columns of a file, or keys of its rows.
    """
    there = frozenset(columns)
    suiting = [name for name in preset_names() if _suits(name, there)]
    most = max((len(_read_of(name, there)) for name in suiting), default=0)
    best = [name for name in suiting if len(_read_of(name, there)) == most]
    best.sort(key=lambda name: (not telling_columns(name), len(_unread(name, there)), name))
    readings = {repr(_reading(load_preset(name), there)): name for name in reversed(best)}
    return tuple(name for name in best if name in readings.values())


def image_columns(mapping: dict[str, Any]) -> frozenset[str]:
    """Return the columns in which a mapping has images."""
    return frozenset(_names(mapping.get("images")))


def _suits(name: str, there: frozenset[str]) -> bool:
    mapping = load_preset(name)
    telling = telling_columns(name)
    if telling and not telling & there:
        return False
    if gives_traces(mapping):
        if _octomed.mapped_columns(_mappings()[name], sorted(there))[0]:
            return False
    elif _required_of_evaluation()[name] - there:
        return False
    return "messages" in mapping or not _unread(name, there) & _content_columns()


def _unread(name: str, there: frozenset[str]) -> frozenset[str]:
    mapping = load_preset(name)
    return there - _named_in(mapping) - frozenset(mapping.get("unused", ())) - left_out_columns(name)


def _read_of(name: str, there: frozenset[str]) -> frozenset[str]:
    return there & _named_in(load_preset(name))


@functools.cache
def _content_columns() -> frozenset[str]:
    """Return the columns that some format reads, those that merely name a row left out."""
    return frozenset().union(*(_named_in(load_preset(name)) for name in preset_names()))


def _named_in(mapping: dict[str, Any]) -> frozenset[str]:
    """Return the columns that a mapping may read."""
    parts = [value for key, value in mapping.items() if key not in {"unused", "prompt", "messages"}]
    messages = mapping.get("messages")
    if isinstance(messages, dict) and "column" in messages:
        parts += [messages["column"], messages.get("context")]
    else:
        parts.append(messages)
    return frozenset(name for part in parts for name in _names(part))


def _names(part: Any) -> list[str]:  # noqa: ANN401 any YAML value
    if isinstance(part, str):
        return [part]
    if isinstance(part, dict):
        return list(part.get("any_of", ()))
    return [name for item in part or () for name in _names(item)]


def _reading(part: Any, there: frozenset[str]) -> Any:  # noqa: ANN401 any YAML value
    """Return what a mapping says of these columns: of several names the one that counts."""
    if isinstance(part, dict) and "any_of" in part:
        return next((name for name in part["any_of"] if name in there), None)
    if isinstance(part, dict):
        found = {key: _reading(value, there) for key, value in sorted(part.items()) if key != "unused"}
        return {key: value for key, value in found.items() if value is not None}
    return [_reading(item, there) for item in part] if isinstance(part, list) else part
