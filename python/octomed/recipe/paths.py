"""Paths of a recipe made ready: variables expanded, and relative ones started at the recipe's folder."""

from __future__ import annotations

import os
import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.recipe.path_values import STORE
from octomed.recipe.problems import Problem
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from octomed.recipe.document import Document, Keys

_VARIABLE = re.compile(r"\$(?:\$|\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def expanded(document: Document, folder: Path) -> tuple[Any, list[Problem]]:
    """Return the recipe's values with every path ready to use.

    Parameters
    ----------
    document : Document
        The recipe as it was written: a mapping.
    folder : Path
        Where relative paths start.

    Returns
    -------
    values : Any
        A copy, paths replaced.
    problems : list of Problem
        Variables that are not set.
    """
    values, problems = deepcopy(document.values), []
    if isinstance(work := values.setdefault("work", {}), dict):
        work.setdefault("path", STORE)
    for way in _ways(values):
        parent, last = _parent(values, way)
        path, missing = expand(parent[last])
        for name in missing:
            message = f"the variable `${name}` in this path is not set"
            hint = f"`export {name}=…`, or write `$$` for a dollar sign"
            problems.append(Problem(document.place(way), message, hint))
        if way in (("model",), ("template",)) and not _names_a_file(path, way, folder):
            continue
        parent[last] = path if not path or scheme_of(path) else absolute(path, folder)
    return values, problems


def expand(text: str) -> tuple[str, list[str]]:
    """Return the text with `$VAR` and `${VAR}` replaced and `$$` made `$`, and the names that are not set."""
    missing: list[str] = []

    def replace(found: re.Match[str]) -> str:
        name = found[1] if found[1] is not None else found[2]
        if name is None:
            return "$"
        if name not in os.environ:
            missing.append(name)
        return os.environ.get(name, found[0])

    return _VARIABLE.sub(replace, text), missing


def absolute(path: str, folder: Path) -> str:
    """Return the path from `/`, `~` expanded.

    A `..` at its front climbs from the folder; a later one stays, because a link may stand before it.
    """
    path = os.path.expanduser(path)
    while path.startswith("../"):
        folder, path = folder.parent, path[3:].lstrip("/")
    return os.path.join(folder, path)


def _names_a_file(path: str, way: Keys, folder: Path) -> bool:
    if way == ("template",):
        return path.endswith((".jinja", ".jinja2", ".j2"))
    return path.startswith((".", "/", "~")) or os.path.exists(absolute(path, folder))


def _ways(values: Any) -> list[Keys]:  # noqa: ANN401 any YAML value
    """List the ways to all texts that are paths, whatever else may be wrong with the values."""
    ways: list[Keys] = [("model",), ("template",), ("output", "path"), ("work", "path"), ("work", "scratch")]
    ways += one_or_several(values, ("output", "copies"))
    stores = values.get("stores") if isinstance(values, dict) else None
    for index in range(len(stores) if isinstance(stores, list) else 0):
        ways += [("stores", index, key) for key in ("prefix", "endpoint", "ca_bundle", "proxy")]
    sources = values.get("sources") if isinstance(values, dict) else None
    for index in range(len(sources) if isinstance(sources, list) else 0):
        for key in (("path",), ("format", "image_root")):
            ways += one_or_several(values, ("sources", index, *key))
    ways += one_or_several(values, ("curate", "exclude"))
    ways += one_or_several(values, ("curate", "pass_rate", "from"))
    for way in one_or_several(values, ("curate", "decontaminate", "against")):
        ways += [way, *one_or_several(values, (*way, "path"))]
        ways += one_or_several(values, (*way, "format", "image_root"))
    return [way for way in ways if isinstance(value_at(values, way), str)]


def one_or_several(values: Any, way: Keys) -> list[Keys]:  # noqa: ANN401 any YAML value
    """Return the ways to the items of a list, or the way itself to what is none."""
    found = value_at(values, way)
    return [(*way, entry) for entry in range(len(found))] if isinstance(found, list) else [way]


def value_at(values: Any, way: Keys) -> Any:  # noqa: ANN401 any YAML value
    """Return what is at a way, or None."""
    for part in way:
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
        else:
            return None
    return values


def _parent(values: Any, way: Keys) -> tuple[Any, str | int]:  # noqa: ANN401 any YAML value
    for part in way[:-1]:
        values = values[part]
    return values, way[-1]
