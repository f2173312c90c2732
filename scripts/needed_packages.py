"""Print what the package needs when it runs, a requirement a line, as pyproject.toml has it; extras are named as arguments."""

from __future__ import annotations

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


def needed(extras: list[str]) -> list[str]:
    """Return the requirements of the package and of some of its extras."""
    text = (TOP / "pyproject.toml").read_text("utf-8")
    lists = [r"^dependencies = \[\n(.*?)^\]"]
    lists += [rf"^{re.escape(extra)} = \[(.*?)^\]" for extra in extras]
    found: list[str] = []
    for pattern in lists:
        block = re.search(pattern, text, re.MULTILINE | re.DOTALL)
        if block is None:
            sys.exit(f"error: pyproject.toml has nothing like {pattern}")
        found += re.findall(r'"([^"]+)"', re.sub(r"#.*", "", block[1]))
    return [one for one in found if not one.startswith("octomed")]


if __name__ == "__main__":
    print("\n".join(needed(sys.argv[1:])))
