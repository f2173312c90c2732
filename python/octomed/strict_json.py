"""JSON that we wrote ourselves, read back: as strictly as possible, into typed records."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from typing import Any, TypeVar, Union

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

MOST_BYTES = 1 << 28
MOST_VALUES = 1 << 22
"""A file of brackets becomes thirty times as large in memory; a run of a million inputs has a million values
and some."""

_LARGEST = 2**64


def parse(data: bytes) -> Any:  # noqa: ANN401 a file holds any JSON
    """Return the value of a JSON file.

    Raises
    ------
    ValueError
        Saying what is wrong: the syntax, a key that is there twice, a number that JSON does not have, a value
        that is nested too deep or is too large to be ours.
    """
    if len(data) > MOST_BYTES or sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"it is too large: {len(data):,} bytes")
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def read_as(kind: type[T], value: object) -> T:
    """Return a value as a record.

    Parameters
    ----------
    kind
        A dataclass, whose fields are texts, numbers that are not negative, booleans, records, tuples and
        dicts of these, ``None`` besides, or ``Any``. Keys that it does not have are passed over.
    value
        As `parse` returns it.

    Raises
    ------
    ValueError
        Naming the key that is missing or whose value is of another type.
    """
    made: T = _read(kind, value, "")
    return made


def _read(kind: Any, value: Any, way: str) -> Any:  # noqa: ANN401, PLR0911 a return for each type
    if kind is Any:
        return value
    arguments = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if origin in {Union, types.UnionType}:
        if value is None and types.NoneType in arguments:
            return None
        return _read(next(one for one in arguments if one is not types.NoneType), value, way)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(arguments[0], one, f"{way}[{at}]") for at, one in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _read(arguments[1], one, f"{way}.{key}") for key, one in value.items()}
    if origin is None and dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _record(kind, value, way)
    if origin is None and _is_plain(kind, value):
        return float(value) if kind is float else value
    raise ValueError(f"{_named(way)} is {_described(value)}")


def _record(kind: Any, value: Mapping[str, Any], way: str) -> Any:  # noqa: ANN401 a dataclass
    found = {}
    for name, (of, needed) in _fields(kind).items():
        if name in value:
            found[name] = _read(of, value[name], f"{way}.{name}")
        elif needed:
            raise ValueError(f"{_named(f'{way}.{name}')} is missing")
    return kind(**found)


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:  # noqa: ANN401 a dataclass
    """Return the type of each field, and whether it must be there."""
    types_ = typing.get_type_hints(kind)
    return {
        field.name: (
            types_[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }


def _is_plain(kind: Any, value: Any) -> bool:  # noqa: ANN401 of any type
    if kind is float:
        return type(value) in {int, float} and _LARGEST > value >= 0 and math.isfinite(value)
    if kind is int:
        return type(value) is int and _LARGEST > value >= 0
    return kind in {str, bool} and type(value) is kind


def _named(way: str) -> str:
    return f"`{way.lstrip('.')}`" if way else "the whole of it"


def _described(value: object) -> str:
    if isinstance(value, bool | int | float) or value is None:
        text = json.dumps(value) if not isinstance(value, int) or abs(value) < _LARGEST else "a huge number"
    else:
        text = "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
    return f"{text}, which it cannot be"


def plain(value: Any) -> Any:  # noqa: ANN401 of any type
    """Return a record as the values that JSON has."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
