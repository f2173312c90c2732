"""A small recipe of text, and the bytes of its run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROWS = [
    {
        "q": f"What helps against {what}?",
        "a": f"{'bad ' * (number % 3 == 0)}{'Rest and water. ' * (number % 5)}Ask.",
    }
    for number, what in enumerate(
        ["fever", "cough", "pain", "thirst", "cold", "worry", "itch", "gout", "ache"]
    )
]


def recipe(folder: Path, rows=None, **keys):
    """Return a recipe over rows of its own in a folder."""
    data = folder / "rows.jsonl"
    if not data.exists():
        text = "\n".join(json.dumps(row) for row in ROWS if rows is None) if rows is None else None
        data.write_text(text if text is not None else "\n".join(map(json.dumps, rows)), encoding="utf-8")
    return {
        "name": "made",
        "model": "Qwen/Qwen2.5-7B-Instruct",
        "sources": [{"name": "rows", "path": str(data), "format": {"question": "q", "response": "a"}}],
        "pack": {"capacity": 256, "buckets": [64]},
        "output": {"path": str(folder / "run")},
        "work": {"path": str(folder / "work")},
        **keys,
    }


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file that no time or machine changes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if (path.is_file() and path.suffix in {".zstd", ".parquet"}) or path.name == "index.json"
    }
