"""State files that a test changes, with the digest that their content then has, and earlier formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write(path: Path, value: dict[str, Any]) -> None:
    """Write a state file whose digest, if it has one, is that of its content."""
    part = value["run"] if "digest" in value.get("run", ()) else value
    if part.pop("digest", None) is not None:
        part["digest"] = content_key(value)
    path.write_text(json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change a state file, and its digest with it."""
    value = json.loads(path.read_text())
    edit(value)
    write(path, value)


def as_format_1(out: Path) -> None:
    """Make a finished run what an earlier version left: no digests in any of its files."""
    path = out / "octomed.json"
    run = json.loads(path.read_text())
    run["format"] = 1
    for name in ("digest", "manifest"):
        del run["run"][name]
    for stream in run["streams"].values():
        del stream["index"]
    write(path, run)
    size = path.stat().st_size
    path = out / ".octomed-run.json"
    manifest = json.loads(path.read_text())
    del manifest["digest"], manifest["format"]
    manifest["shards"] = {name: shard["info"] for name, shard in manifest["shards"].items()}
    manifest["files"] = {name: record["bytes"] for name, record in manifest["files"].items()}
    manifest["files"]["octomed.json"] = size
    write(path, manifest)
