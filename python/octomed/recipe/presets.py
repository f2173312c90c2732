"""The built-in row formats: a YAML file each."""

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_OF_ROWS = ("held_out", "found_by", "curated", "leaves_out")
"""Keys of a row format's file that say nothing of a trace."""

ANSWER_KEYS = ("answer_is", "answer_until")
"""Keys of a mapping that say of `answer` how it is written."""

_LEARNED = ("messages", "response", "responses")
_REPLACED = {
    "response": ("responses",),
    "responses": ("response", "reasoning"),
    "answer": ANSWER_KEYS,
    "image_columns": ("images",),
    "images": ("image_columns",),
}
"""Keys of a format that go where a mapping over it has this one, as they exclude each other."""


@functools.cache
def preset_names() -> tuple[str, ...]:
    """Return the names of the built-in row formats, sorted."""
    folder = resources.files("octomed.recipe") / "presets"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_preset(name: str) -> dict[str, Any]:
    """Return the mapping of a built-in row format, whose keys the caller may change.

    Raises
    ------
    KeyError
        If there is none of this name.
    """
    return {key: value for key, value in _read_preset(name).items() if key not in _NOT_OF_ROWS}


def held_out_splits(name: str) -> frozenset[str]:
    """Return the splits from which nothing is learned unless the recipe maps the response itself."""
    return frozenset(_read_preset(name).get("held_out", ()))


def curated_keys(name: str) -> dict[str, Any]:
    """Return the keys of a row format that say which responses are right and whole, and change no trace."""
    return dict(_read_preset(name).get("curated", {}))


def telling_columns(name: str) -> frozenset[str]:
    """Return columns of which a file must have one to be found to be of this format, if there are any."""
    return frozenset(_read_preset(name).get("found_by", ()))


def left_out_columns(name: str) -> frozenset[str]:
    """Return columns that another format reads and this one does without: they say the same again."""
    return frozenset(_read_preset(name).get("leaves_out", ()))


@functools.cache
def trainable_presets() -> tuple[str, ...]:
    """Return the row formats whose rows say what is to be learned: those of evaluation sets do not."""
    return tuple(name for name in preset_names() if gives_traces(load_preset(name)))


def gives_traces(mapping: Mapping[str, Any]) -> bool:
    """Tell whether a mapping says where what is to be learned stands."""
    return any(mapping.get(key) is not None for key in _LEARNED)


def laid_over(preset: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row format with keys of its own put over it.

    Parameters
    ----------
    preset
        The row format.
    own
        Keys that win; null takes a key out. Columns of `unused` are added.
    """
    gone = {name for key, names in _REPLACED.items() if own.get(key) is not None for name in names}
    values = {key: value for key, value in preset.items() if key not in gone} | dict(own)
    if own.get("unused"):
        values["unused"] = [*preset.get("unused", ()), *own["unused"]]
    return {key: value for key, value in values.items() if value is not None}


@functools.cache
def _read_preset(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise KeyError(name)
    text = _file(f"{name}.yaml")
    found: dict[str, Any] | None = _parsed_before().get(_digest(text))
    return parsed(text) if found is None else found


def parsed(text: bytes) -> dict[str, Any]:
    """Return what the file of a row format says."""
    from ruamel.yaml import YAML  # noqa: PLC0415 rarely needed, and slow to load

    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text.decode())
    return loaded


def parsed_files() -> dict[str, Any]:
    """Return what `parsed.json` has to hold: what each row format's file says, by the digest of its text.

    To find out of which format columns are, all files are needed, and to parse them takes a tenth of a
    second. One that was changed since is parsed as ever.
    """
    texts = [_file(f"{name}.yaml") for name in preset_names()]
    return {_digest(text): parsed(text) for text in texts}


@functools.cache
def _parsed_before() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_file("parsed.json"))
    return found


def _file(name: str) -> bytes:
    return (resources.files("octomed.recipe") / "presets" / name).read_bytes()


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=8).hexdigest()
