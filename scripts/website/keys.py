"""Tables of a JSON Schema's keys, in Markdown."""

from __future__ import annotations

import json
from typing import Any

LONGEST_DEFAULT = 40
"""Characters; what is longer is shown where the key's own table is."""


def tables(schema: dict[str, Any]) -> str:
    """Return tables of a schema's objects: the whole first, then each by the name of its kind."""
    kinds = schema.get("$defs", {})
    lines: list[str] = []
    for name, one in [("The file", schema), *sorted(kinds.items())]:
        properties = one.get("properties")
        if not properties:
            continue
        lines += ["", f"## {name}", "", _first_paragraph(one), ""]
        lines += ["| key | value | default | what it is |", "|---|---|---|---|"]
        for key, value in properties.items():
            default = "needed" if key in one.get("required", ()) else _default(value.get("default"))
            lines.append(f"| `{key}` | {_kind(value, kinds)} | {default} | {_said(value, kinds)} |")
    return "\n".join(lines) + "\n"


def _first_paragraph(one: dict[str, Any]) -> str:
    return " ".join(one.get("description", "").split("\n\n")[0].split())


def _said(value: dict[str, Any], kinds: dict[str, Any]) -> str:
    """Return what a key is; where it says nothing, what its kind says."""
    if "description" not in value and "$ref" in value:
        return _cell(_first_paragraph(kinds[_named(value)]))
    return _cell(value.get("description", ""))


def _named(value: dict[str, Any]) -> str:
    return str(value["$ref"]).rpartition("/")[2]


def _kind(value: dict[str, Any], kinds: dict[str, Any]) -> str:
    """Return what a key may hold, in a few words."""
    if "$ref" in value:
        name = _named(value)
        return f"[{name}](#{name.lower()})" if kinds[name].get("properties") else _kind(kinds[name], kinds)
    several = value.get("anyOf") or value.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(_kind(one, kinds) for one in several if one.get("type") != "null"))
    if "enum" in value or "const" in value:
        return ", ".join(_code(one) for one in value.get("enum", [value.get("const")]))
    inside = value.get("items") if value.get("type") == "array" else _of_mapping(value)
    name = {"array": "list", "object": "mapping"}.get(value.get("type", ""), value.get("type", "any value"))
    return f"{name} of {_kind(inside, kinds)}" if inside else f"{name}{_limits(value)}"


def _of_mapping(value: dict[str, Any]) -> dict[str, Any] | None:
    inside = value.get("additionalProperties") or next(
        iter(value.get("patternProperties", {}).values()), None
    )
    return inside if isinstance(inside, dict) else None


def _limits(value: dict[str, Any]) -> str:
    """Return the bounds of a number."""
    words = {
        "minimum": "from {:,}",
        "exclusiveMinimum": "more than {:,}",
        "maximum": "to {:,}",
        "exclusiveMaximum": "less than {:,}",
    }
    found = " ".join(said.format(value[key]) for key, said in words.items() if key in value)
    return f", {found}" if found else ""


def _default(value: object) -> str:
    if value is None:
        return "–"
    text = _code(value)
    return "see there" if isinstance(value, dict) and len(text) > LONGEST_DEFAULT else text


def _code(value: object) -> str:
    """Return a value as YAML has it."""
    return f"`{_cell(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))}`"


def _cell(text: str) -> str:
    """Return a text for a table's cell."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
