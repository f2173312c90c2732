"""What arguments of `octomed init` stand for: rows, or another trainer's settings that name them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.starter import axolotl, llama_factory, ms_swift
from octomed.starter.named import Wanted, each_once, literal, of_path
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST_SETTINGS = 2**22
"""Settings are written by people: a larger file holds rows."""


def wanted_of(arguments: Sequence[str]) -> Wanted:
    """Return the datasets that arguments stand for.

    Parameters
    ----------
    arguments
        Paths, globs and addresses of rows; a `dataset_info.json`, or a YAML file with `datasets:`.

    Raises
    ------
    RecipeError
        When one of them is not there, or names no dataset.
    """
    found = Wanted(())
    for argument in arguments:
        found += _of(argument)
    if not found.datasets:
        said = "; ".join(found.notes) or "nothing is named"
        raise RecipeError(f"there is no dataset to write a recipe for: {said}", "give files of rows")
    return replace(found, datasets=each_once(found.datasets))


def _of(argument: str) -> Wanted:
    if scheme_of(argument) is not None:
        return Wanted((of_path(argument),))
    path = Path(argument)
    if path.is_file() and path.suffix in {".yaml", ".yml"}:
        return _of_yaml(path)
    if path.is_file() and path.name == llama_factory.FILE:
        return _of_dataset_info(path)
    named = of_path(argument)
    if path.exists():
        named = replace(named, paths=(literal(argument),))
    return Wanted((named,))


def _of_yaml(path: Path) -> Wanted:
    values = _read(path)
    if isinstance(values, dict) and "sources" in values:
        raise RecipeError(f"`{shown(str(path))}` is a recipe already", f"`octomed check {path}` looks at it")
    if not isinstance(values, dict) or not any(key in values for key in axolotl.BLOCKS):
        raise RecipeError(
            f"`{shown(str(path))}` names no `datasets`", "give a configuration of axolotl, or rows"
        )
    return axolotl.wanted_of(values, path)


def _of_dataset_info(path: Path) -> Wanted:
    values = _read(path)
    if isinstance(values, list):
        return ms_swift.datasets_of(values, path)
    if isinstance(values, dict) and "features" in values:  # what `datasets` writes next to its files
        return Wanted((of_path(str(path.parent)),))
    if not isinstance(values, dict):
        raise RecipeError(f"`{shown(str(path))}` names no datasets", "give files of rows")
    return llama_factory.datasets_of(values, path)


def _read(path: Path) -> Any:  # noqa: ANN401 what is written there
    try:
        if path.stat().st_size > _LARGEST_SETTINGS:
            raise RecipeError(f"`{shown(str(path))}` is too large for settings", "give the files of rows")
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise RecipeError(
            f"`{shown(str(path))}` cannot be read: {reason}", "give the files of rows"
        ) from error
