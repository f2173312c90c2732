"""Write THIRD-PARTY-LICENSES.txt: whose code is linked into the extension, and under which licence. `--check` compares instead.

Where a crate leaves the choice, the Apache License 2.0 is chosen, whose text is in LICENSE; else the crate's own texts follow, with
their copyright notices, each once. C code that a crate carries counts, too. The list is that of Linux on x86-64 and aarch64, and macOS.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
FILE = TOP / "THIRD-PARTY-LICENSES.txt"
CRATE = "octomed-python"
TARGETS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
)
NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
BESIDE_CODE = {"rs", "c", "h", "py", "toml", "html", "go", "sh"}
HEAD = """What is linked into OctoMed's extension beside its own code, and under which licence.
Written by `python scripts/third_party.py`; not by hand.
"""


def linked() -> list[dict[str, Any]]:
    """Return the crates that are linked, without those that only run while compiling."""
    command = ["cargo", "metadata", "--format-version=1", "--locked"]
    command += [word for target in TARGETS for word in ("--filter-platform", target)]
    done = subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    packages = {one["id"]: one for one in found["packages"]}
    nodes = {one["id"]: one for one in found["resolve"]["nodes"]}
    waiting = [one for one, package in packages.items() if package["name"] == CRATE]
    seen: set[str] = set()
    while waiting:
        crate = waiting.pop()
        if crate in seen or any("proc-macro" in target["kind"] for target in packages[crate]["targets"]):
            continue
        seen.add(crate)
        dependencies = nodes[crate]["deps"]
        waiting += [
            one["pkg"] for one in dependencies if any(kind["kind"] is None for kind in one["dep_kinds"])
        ]
    return sorted(
        (packages[one] for one in seen if packages[one]["source"]),
        key=lambda one: (one["name"], one["version"]),
    )


def leaves_apache(expression: str) -> bool:
    """Tell whether a licence is, or leaves the choice of, the Apache License alone."""
    choices = re.split(r"\s+OR\s+|/", expression.replace("(", " ").replace(")", " "))
    return "AND" not in expression and any(
        one.strip() in {"Apache-2.0", "Apache-2.0 WITH LLVM-exception"} for one in choices
    )


def texts(folder: Path, *, inside_only: bool) -> list[str]:
    """Return the licence files of a crate, and of the C code in folders of it."""
    files = [] if inside_only else list(folder.glob("*"))
    files += list(folder.glob("*/*")) if folder.name.rpartition("-")[0].endswith(("-sys", "_sys")) else []
    named = {
        path
        for path in files
        if path.is_file() and NAMES.match(path.name) and path.suffix.lstrip(".") not in BESIDE_CODE
    }
    # zstd leaves the choice: LICENSE is BSD's, and COPYING beside it the GPL.
    chosen = [path for path in named if path.name != "COPYING" or path.with_name("LICENSE") not in named]
    return [path.read_text("utf-8", errors="replace").strip() for path in sorted(chosen)]


def written() -> str:
    """Return the file."""
    lines = [HEAD]
    found: dict[str, list[str]] = {}
    for crate in linked():
        name = f"{crate['name']} {crate['version']}"
        chosen = leaves_apache(crate["license"])
        lines.append(
            f"{name}: {'Apache-2.0' if chosen else crate['license']}, {crate['repository'] or 'no repository named'}"
        )
        own = texts(Path(crate["manifest_path"]).parent, inside_only=chosen)
        if not own and not chosen:
            lines[-1] += f", by {', '.join(crate['authors']) or 'its authors'}"
        for text in own:
            found.setdefault(" ".join(text.split()), [text]).append(name)
    for text, *names in found.values():
        lines += ["", "=" * 100, ", ".join(dict.fromkeys(names)), "=" * 100, "", text]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file, or compare it, and return the exit code."""
    text = written()
    if "--check" not in sys.argv[1:]:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text("utf-8") != text:
        print(
            "error: THIRD-PARTY-LICENSES.txt is not of these crates\nhint: `python scripts/third_party.py` writes it",
            file=sys.stderr,
        )
        return 1
    print(f"THIRD-PARTY-LICENSES.txt: {len(linked())} crates")
    return 0


if __name__ == "__main__":
    sys.exit(main())
