"""The built-in row formats: a YAML file each."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

from ruamel.yaml import YAML


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
    if name not in preset_names():
        raise KeyError(name)
    return dict(_read_preset(name))


@functools.cache
def _read_preset(name: str) -> dict[str, Any]:
    text = (resources.files("octomed.recipe") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded
