"""The `datasets:` block of an axolotl configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.plain_names import clean_name
from octomed.starter.named import Named, Wanted, literal, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCKS = ("datasets", "dataset")

_BUILT_IN = {"alpaca": "alpaca", "sharegpt": "sharegpt", "chat_template": None}
_OWN_NAMES = (
    "field_messages",
    "message_property_mappings",
    "message_field_role",
    "message_field_content",
    "roles",
)
_FIELDS = {"field_instruction": "instruction", "field_input": "input", "field_output": "output"}


def wanted_of(values: Mapping[str, Any], file: Path) -> Wanted:
    """Return the datasets of an axolotl configuration, its model and its length of a row.

    Parameters
    ----------
    values
        What the file holds.
    file
        Where it lies; paths in it start at the working directory, as axolotl has it.
    """
    block = next(values[key] for key in BLOCKS if key in values)
    entries = block if isinstance(block, list) else [block]
    datasets, notes = [], []
    for entry in entries:
        if not isinstance(entry, dict) or not entry.get("path"):
            notes.append(f"an entry of `datasets` in `{file}` names no `path`, and is left out")
            continue
        datasets.append(_dataset(entry, file))
    model, length = values.get("base_model"), values.get("sequence_len")
    return Wanted(
        tuple(datasets),
        model if isinstance(model, str) else None,
        length if isinstance(length, int) and length > 0 else None,
        tuple(notes),
    )


def _dataset(entry: dict[str, Any], file: Path) -> Named:
    path = str(entry["path"])
    notes = []
    data_files = entry.get("data_files") or []
    files = [data_files] if isinstance(data_files, str) else list(data_files)
    if Path(path).exists():
        paths = tuple(literal(str(Path(path, one))) for one in files) or (literal(path),)
    elif path == entry.get("ds_type") or path in {"json", "parquet", "csv", "arrow"}:
        paths = tuple(literal(one) for one in files)
    else:
        paths = tuple(f"hf://datasets/{path}/{one}" for one in files) or (f"hf://datasets/{path}",)
    mapping, said = _mapping(entry)
    notes += said
    if entry.get("name"):
        notes.append(f"`{path}`: name the files of its configuration `{entry['name']}` in `path`")
    return Named(
        clean_name(name_of(paths[0])),
        paths,
        said_by=f"`datasets` of `{file}`",
        format=mapping,
        split=entry.get("split") if paths[0].startswith("hf://") else None,
        notes=tuple(notes),
    )


def _mapping(entry: dict[str, Any]) -> tuple[str | dict[str, Any] | None, list[str]]:
    """Return the row format of an entry, None where its columns tell, and what could not be taken over."""
    kind = entry.get("type")
    if isinstance(kind, dict):
        named = {field: kind.get(field, default) for field, default in _FIELDS.items()}
        asked = [named["field_instruction"], {"any_of": [named["field_input"]], "optional": True}]
        mapping: dict[str, Any] = {"question": asked, "response": named["field_output"]}
        if kind.get("field_system"):
            mapping["system"] = kind["field_system"]
        formatted = kind.get("format") or kind.get("no_input_format")
        note = ["`format` of a type is a recipe's `prompt`: write it there"] if formatted else []
        return mapping, note
    name = str(kind or "").partition(".")[0].partition(":")[0]
    if name == "chat_template" and _has_own_names(entry):
        return {"messages": _messages(entry)}, []
    if name in _BUILT_IN:
        return _BUILT_IN[name], []
    return None, [f"type `{kind}` is not known here: the format is found by the columns"] if kind else []


def _has_own_names(entry: dict[str, Any]) -> bool:
    keys = (
        "field_messages",
        "message_property_mappings",
        "message_field_role",
        "message_field_content",
        "roles",
    )
    return any(entry.get(key) for key in keys)


def _messages(entry: dict[str, Any]) -> dict[str, Any]:
    properties = entry.get("message_property_mappings") or {}
    roles = {name: role for role, names in (entry.get("roles") or {}).items() for name in names}
    messages = {
        "column": entry.get("field_messages") or "messages",
        "role": properties.get("role") or entry.get("message_field_role") or "role",
        "content": properties.get("content") or entry.get("message_field_content") or "content",
    }
    return messages | ({"roles": roles} if roles else {})
