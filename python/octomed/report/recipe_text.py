"""A recipe as reports show it."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML


def yaml_of(recipe: dict[str, Any]) -> str:
    """Return a recipe as YAML, its keys in their own order.

    Examples
    --------
    >>> print(yaml_of({"seed": 17, "pack": {"capacity": 4096}}), end="")
    seed: 17
    pack:
      capacity: 4096
    """
    file = io.StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the recipe's own order
    writer.dump(recipe, file)
    return file.getvalue()
