"""Write the type stubs of the extension: PyO3 keeps the types of the bindings in it, and `rust/stubs` reads them.

`--check` compares instead of writing.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parent.parent
HOME = TOP / "python/octomed/_octomed.pyi"
EXTENSION = ["-p", "octomed-python", "--lib", "--features", "pyo3/extension-module"]
LIBRARIES = ["lib_octomed.so", "lib_octomed.dylib"]
NOTE = "Written by `make stubs`; not by hand."
SPELLED = re.compile(r'(: |-> )"([^"]+)"')
MODULE = re.compile(r"\b([a-z_]+(?:\.[a-z_]+)*)\.[A-Za-z]")


def stubs() -> str:
    """Build the extension in the profile of the tests, and return its stubs in our form."""
    # As maturin builds it, but not stripped: what is read is among the symbols.
    environment = {**os.environ, "PYO3_BUILD_EXTENSION_MODULE": "1"}
    run("cargo", "build", "--quiet", *EXTENSION, env=environment)
    folder = TOP / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
    (library,) = (path for path in map(folder.joinpath, LIBRARIES) if path.exists())
    text = run("cargo", "run", "--quiet", "-p", "octomed-stubs", "--", str(library))
    return run(
        sys.executable, "-m", "ruff", "format", "--stdin-filename", str(HOME), "-", said=completed(text)
    )


def run(*command: str, said: str = "", env: dict[str, str] | None = None) -> str:
    """Run a command at the top of the repository, and return what it prints."""
    done = subprocess.run(
        command, cwd=TOP, env=env, input=said, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def completed(text: str) -> str:
    """Take the quotes off the types that the bindings spell out, and import what they name."""
    lines, modules = [], set()
    for line in text.splitlines():
        if line.lstrip().startswith("def "):
            spelled = SPELLED.findall(line)
            modules.update(module for _, kind in spelled for module in MODULE.findall(kind))
            lines.append(SPELLED.sub(r"\1\2", line))
        else:
            lines.append(line)
    end = lines.index('"""', 1)
    imports = [f"import {module}" for module in sorted(modules)]
    return "\n".join([*lines[:end], "", NOTE, *lines[end : end + 1], *imports, *lines[end + 1 :], ""])


def main() -> None:
    """Write the stubs, or compare them."""
    parser = argparse.ArgumentParser(description="Write or check the stubs of the extension.")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("file", nargs="?", type=Path, default=HOME)
    options = parser.parse_args()
    text = stubs()
    if not options.check:
        options.file.write_text(text, encoding="utf-8")
    elif not options.file.exists() or options.file.read_text(encoding="utf-8") != text:
        sys.exit(f"`{options.file}` is not what the extension has; write it anew with `make stubs`")


if __name__ == "__main__":
    main()
