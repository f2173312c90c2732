"""A small valid recipe, as values and as a file, that tests bend."""

from __future__ import annotations

import copy
import io
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from pathlib import Path

VALUES: dict[str, Any] = {
    "version": 1,
    "name": "mini",
    "model": "Qwen/Qwen2.5-7B-Instruct",
    "system": "Think first.",
    "prompt": "{{ question }}",
    "supervise": "all",
    "sources": [
        {
            "name": "medqa",
            "path": "data/*.jsonl",
            "format": {"question": "q", "options": "o", "answer": "a", "response": "r"},
            "group": "text",
            "teacher": "r1",
            "on_bad_file": "skip",
            "max_unreadable": 0.05,
        },
        {"name": "second", "path": ["data/a.jsonl"], "format": {"messages": "messages"}},
    ],
    "curate": {"duplicates": {"exact": False}, "over_long": "error"},
    "pack": {"capacity": 8192, "buckets": [512, 2048], "seed": 3},
    "output": {"path": "out", "compression": "zstd:3", "hashes": ["sha1"], "shard_size": "64MiB"},
    "work": {"path": "store", "keep": False},
}


def values() -> dict[str, Any]:
    """Return a copy that may be changed."""
    return copy.deepcopy(VALUES)


def to_yaml(recipe: Any) -> str:
    """Return values as YAML in block style, one key a line."""
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 4096
    text = io.StringIO()
    writer.dump(recipe, text)
    return text.getvalue()


def make_data(folder: Path) -> None:
    """Write the files that the recipe names."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data/a.jsonl").write_text('{"q": "?"}\n')
    (folder / "data/b.jsonl").write_text('{"q": "?"}\n')


def write(folder: Path, recipe: Any) -> Path:
    """Write a recipe beside its data, and return its path."""
    make_data(folder)
    path = folder / "recipe.yaml"
    path.write_text(recipe if isinstance(recipe, str) else to_yaml(recipe), encoding="utf-8")
    return path
