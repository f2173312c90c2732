"""A recipe without the places of a machine: what a published run says of how it was made."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from octomed.schemes import scheme_of

PATHS = frozenset({"path", "image_root", "from", "exclude", "copies", "scratch", "ca_bundle"})
"""Keys whose values are paths or addresses, wherever they stand in a recipe."""
SECTIONS = frozenset({"work", "stores"})
"""Sections that say nothing but where things are, and how they are reached."""
NAMES = frozenset({"model", "template"})
"""Keys whose values are names, or paths whose last part is one."""
SETS = "against"
"""Evaluation sets: each a path, or a mapping with one."""

_OF_THE_HUB = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_PUBLIC = "hf"
"""Addresses of the hub are public names of data."""


def without_paths(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe without paths and addresses, those of the hub excepted.

    Parameters
    ----------
    recipe
        As `octomed.json` has it.

    Examples
    --------
    >>> without_paths({"model": "/models/mine", "sources": [{"name": "films", "path": ["/data/films"]}]})
    {'model': 'mine', 'sources': [{'name': 'films'}]}
    """
    kept = {key: value for key, value in recipe.items() if key not in SECTIONS}
    cleaned: dict[str, Any] = _cleaned(kept)
    return cleaned


def public_name(value: str) -> str:
    """Return the name of a model or a template: a hub id as it is, of a path the last part.

    Examples
    --------
    >>> public_name("Qwen/Qwen2.5-7B-Instruct"), public_name("../models/mine/"), public_name("~/a/b.jinja")
    ('Qwen/Qwen2.5-7B-Instruct', 'mine', 'b.jinja')
    """
    is_name = (
        _OF_THE_HUB.fullmatch(value) is not None and value.strip(".") and not value.startswith(("./", "../"))
    )
    return value if is_name else PurePosixPath(value).name


def _cleaned(value: Any) -> Any:  # noqa: ANN401 a recipe's values are of any type
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        if key in PATHS:
            public = _public(one)
            if public:
                found[key] = public
        elif key in NAMES and isinstance(one, str):
            found[key] = public_name(one)
        elif key == SETS:
            found[key] = _sets(one)
        else:
            found[key] = _cleaned(one)
    return found


def _public(value: object) -> Any:  # noqa: ANN401 as above
    """Return the addresses of the hub that a key holds; None where it has none."""
    listed = value if isinstance(value, list) else [value]
    public = [one for one in listed if isinstance(one, str) and scheme_of(one) == _PUBLIC]
    return public or None


def _sets(value: object) -> list[Any]:
    """Return evaluation sets without their paths: their names are in the counts of decontamination."""
    listed = value if isinstance(value, list) else [value]
    return [_cleaned(one) for one in listed if isinstance(one, dict)]
