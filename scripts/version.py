"""Say the version, of which there is one place: the workspace's, in Cargo.toml. `--is VERSION` fails where it is another."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


def version() -> str:
    """Return the version of the workspace."""
    text = (TOP / "Cargo.toml").read_text("utf-8")
    found = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        sys.exit("error: Cargo.toml has no `version` first in `[workspace.package]`")
    return found[1]


def main() -> None:
    """Print the version, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--is", dest="expected", metavar="VERSION")
    expected = parser.parse_args().expected
    if expected not in {None, version()}:
        sys.exit(
            f"error: Cargo.toml has version {version()}, not {expected}\nhint: a tag is `v` and that version"
        )
    print(version())


if __name__ == "__main__":
    main()
