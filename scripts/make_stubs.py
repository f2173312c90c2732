"""Write the type stubs of the extension: PyO3 keeps the types of the bindings in it, and maturin reads them.

`--check` compares instead of writing.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

TOP = Path(__file__).parent.parent
HOME = TOP / "python/octomed/_octomed.pyi"
NOTE = "Written by `make stubs`; not by hand."


def stubs() -> str:
    """Build the extension in the profile of the tests, and return its stubs in our form."""
    with tempfile.TemporaryDirectory() as folder:
        command = [tool("maturin"), "generate-stubs", "--quiet", "--profile", "dev", "--out", folder]
        subprocess.run(command, cwd=TOP, check=True)
        (found,) = Path(folder).rglob("*.pyi")
        text = found.read_text(encoding="utf-8")
    documentation = ast.get_docstring(ast.parse(text)) or ""
    text = text.replace(text[: text.index('"""', 3) + 3], f'"""{documentation}\n\n{NOTE}\n"""', 1)
    command = [tool("ruff"), "format", "--stdin-filename", str(HOME), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def tool(name: str) -> str:
    """Return the path of a program that is installed beside this Python, or else anywhere."""
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else shutil.which(name) or name


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
