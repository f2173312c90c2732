"""Whether two runs are the same, and what a run left lying about."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

STATE = frozenset({".octomed.lock", ".octomed-run.json"})
PAGES = frozenset({"README.md", "report.html"})
"""They show times and the recipe as it was written, and no digest covers them."""
OWN = ("run",)
"""What `octomed.json` says of a machine and a time, and digests of that."""


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file of a run, of `octomed.json` without what differs from run to run."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or name in STATE | PAGES:
            continue
        data = path.read_bytes()
        if name == "octomed.json":
            value = json.loads(data)
            data = json.dumps({key: value[key] for key in sorted(value) if key not in OWN}).encode()
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def difference(folder: Path, expected: dict[str, str]) -> str:
    """What differs from the expected contents; empty where nothing does."""
    if not (folder / "octomed.json").exists():
        return "there is no finished run"
    found = contents(folder)
    differing = [name for name in sorted(found | expected) if found.get(name) != expected.get(name)]
    return ", ".join(differing[:5])


def left_over(*folders: Path) -> list[str]:
    """Temporary files that nobody removed."""
    return [str(path) for folder in folders for path in sorted(folder.rglob("*")) if ".tmp-" in path.name]
