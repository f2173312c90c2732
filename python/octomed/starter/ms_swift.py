"""ms-swift's `dataset_info.json`: a list of datasets, each with the columns that are renamed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.plain_names import clean_name
from octomed.starter.named import Named, Wanted, literal, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_FILE = "it is on ModelScope's hub, or names no file"
_PLAIN = ("system", "history", "images")


def datasets_of(entries: Sequence[Any], file: Path) -> Wanted:
    """Return the datasets of such a list, and notes on those that are left out.

    Parameters
    ----------
    entries
        What the file holds.
    file
        Where it lies: its folder is where paths start.
    """
    found, notes = [], []
    for number, entry in enumerate(entries):
        path = _path(entry, file)
        if path is None:
            notes.append(
                f"entry {number} of `{file}` is left out: it is on ModelScope's hub, or names no file"
            )
            continue
        split = entry.get("split")
        found.append(
            Named(
                clean_name(entry.get("dataset_name") or name_of(path)),
                (path,),
                said_by=f"entry {number} of `{file}`",
                format=_mapping(entry.get("columns") or {}),
                split=split[0] if isinstance(split, list) and len(split) == 1 else None,
                notes=("`subsets` are files in `path`",) if entry.get("subsets") else (),
            )
        )
    return Wanted(tuple(found), notes=tuple(notes))


def _path(entry: Any, file: Path) -> str | None:  # noqa: ANN401 what JSON gave
    if not isinstance(entry, dict):
        return None
    if entry.get("dataset_path"):
        return literal(str(file.parent / entry["dataset_path"]))
    return f"hf://datasets/{entry['hf_dataset_id']}" if entry.get("hf_dataset_id") else None


def _mapping(columns: dict[str, str]) -> dict[str, Any] | None:
    """Return the mapping of renamed columns; None where the format is found by the columns."""
    there = {to: of for of, to in columns.items()}
    if "messages" in there or "conversations" in there:
        return {"messages": there.get("messages") or there["conversations"]}
    if "response" not in there:
        return None
    mapping: dict[str, Any] = {"question": there.get("query", "query"), "response": there["response"]}
    return mapping | {key: there[key] for key in _PLAIN if key in there}
