"""LLaMA-Factory's `dataset_info.json`: each entry a dataset, and which columns its rows have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.plain_names import clean_name
from octomed.starter.named import Named, Wanted, literal

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "dataset_info.json"

_ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}
"""Columns of an entry that names none, as LLaMA-Factory has them."""
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "system_tag": "system",
}
_ROLES = {"user_tag": "user", "assistant_tag": "assistant", "observation_tag": "tool", "system_tag": "system"}
_ELSEWHERE = ("ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")


def datasets_of(values: Mapping[str, Any], file: Path) -> Wanted:
    """Return the datasets of a `dataset_info.json`, and notes on those that are left out.

    Parameters
    ----------
    values
        What the file holds.
    file
        Where it lies: its folder is where names of files start.
    """
    found, notes = [], []
    for name, entry in values.items():
        why = _left_out(entry)
        if why is not None:
            notes.append(f"`{name}` of `{file}` is left out: {why}")
            continue
        found.append(_dataset(str(name), entry, file))
    return Wanted(tuple(found), notes=tuple(notes))


def _left_out(entry: Any) -> str | None:  # noqa: ANN401 what JSON gave
    if not isinstance(entry, dict):
        return "it is no object"
    if entry.get("ranking") or "kto_tag" in (entry.get("columns") or {}):
        return "its rows are preferences, for DPO and the like"
    if "file_name" in entry or "hf_hub_url" in entry:
        return None
    where = next((key for key in _ELSEWHERE if key in entry), None)
    return f"`{where}` is no address that is read here" if where else "it names no file"


def _dataset(name: str, entry: dict[str, Any], file: Path) -> Named:
    local = entry.get("file_name")
    path = literal(str(file.parent / local)) if local else f"hf://datasets/{entry['hf_hub_url']}"
    columns = entry.get("columns") or {}
    notes = []
    if "tools" in columns:
        notes.append(f"`{name}`: column `{columns['tools']}` of tools is not read: such rows are rejects")
    if entry.get("num_samples"):
        notes.append(f"`{name}`: `num_samples` is `mix: {{GROUP: {{max_examples: …}}}}` in a recipe")
    if entry.get("subset") or entry.get("folder"):
        notes.append(f"`{name}`: name the files of its subset in `path`")
    return Named(
        clean_name(name),
        (path,),
        said_by=f"`{name}` of `{file}`",
        format=_mapping(entry, columns),
        split=entry.get("split") if not local else None,
        image_root=str(file.parent) if columns.get("images") else None,
        notes=tuple(notes),
    )


def _mapping(entry: dict[str, Any], columns: dict[str, str]) -> str | dict[str, Any]:
    """Return the row format of an entry: a built-in one where it says nothing of its own."""
    beside = {key: columns[key] for key in ("system", "images") if columns.get(key)}
    if entry.get("formatting", "alpaca") == "sharegpt":
        if not columns and not entry.get("tags"):
            return "sharegpt"
        tags = _TAGS | {key: value for key, value in (entry.get("tags") or {}).items() if key in _TAGS}
        messages = {
            "column": columns.get("messages", "conversations"),
            "role": tags["role_tag"],
            "content": tags["content_tag"],
            "roles": {tags[key]: role for key, role in _ROLES.items()},
        }
        return {"messages": messages, **beside}
    if not columns:
        return "alpaca"
    named = columns if "prompt" in columns or "response" in columns else _ALPACA | columns
    asked = [named[key] for key in ("prompt", "query") if named.get(key)]
    mapping: dict[str, Any] = {"question": asked[0] if len(asked) == 1 else asked}
    mapping["response"] = named.get("response", _ALPACA["response"])
    if named.get("history"):
        mapping["history"] = named["history"]
    return mapping | beside
