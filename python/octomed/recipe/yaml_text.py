"""Plain values as YAML, their keys in the order that they have."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Mapping


def yaml_text(values: Mapping[str, Any]) -> str:
    """Return plain values as the text of a YAML file.

    Examples
    --------
    >>> print(yaml_text({"name": "example", "pack": {"capacity": 8192}}), end="")
    name: example
    pack:
      capacity: 8192
    """
    file = io.StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the recipe's own order
    writer.dump(dict(values), file)
    return file.getvalue()
