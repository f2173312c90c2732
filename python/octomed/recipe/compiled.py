"""Mappings that Rust compiles."""

from __future__ import annotations

import functools
from typing import Any

from octomed import _octomed
from octomed.errors import RecipeError


def compiled(values: dict[str, Any]) -> _octomed.Mapping:
    """Return a mapping ready to read rows with; without images where the extension does not read them."""
    if not reads_images():
        values = {key: value for key, value in values.items() if key != "images"}
    return _octomed.Mapping(values)


@functools.cache
def reads_images() -> bool:
    """Tell whether the extension reads images."""
    try:
        _octomed.Mapping({"question": "q", "response": "r", "images": "i"})
    except RecipeError:
        return False
    return True
