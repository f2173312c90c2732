"""Look at what is to be released: `python scripts/check_dist.py dist`. Exit code 1 where something is wrong.

A wheel holds the package and nothing else, is small, and says what it runs on; the sdist holds what it is built from; all
have the workspace's version.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

from version import version

LARGEST_WHEEL = 12_000_000
"""Bytes."""
LARGEST_INSTALLED = 25_000_000
"""Bytes of the package once it is installed, without what it depends on and without bytecode."""
WHEEL = re.compile(r"octomed-(?P<version>[^-]+)-cp310-abi3-(?P<platform>[\w.]+)\.whl")
REFUSED = re.compile(r"(^|/)(tests?|bench|docs)/|\.(pyc|rs|toml)$|(^|/)\.")
"""What has no business in a wheel."""
EXTENSION = "octomed/_octomed.abi3.so"
LICENSES = ("LICENSE", "NOTICE", "THIRD-PARTY-LICENSES.txt")
NEEDED = (EXTENSION, "octomed/py.typed", "octomed/_octomed.pyi", "octomed/recipes/quickstart.yaml")


def of_wheel(path: Path) -> list[str]:
    """Return what is wrong with a wheel."""
    named = WHEEL.fullmatch(path.name)
    if named is None:
        return [f"its name is not that of a wheel for every Python since 3.10: {path.name}"]
    wrong = [] if named["version"] == version() else [f"its version is {named['version']}, not {version()}"]
    if not named["platform"].startswith(("manylinux", "musllinux", "macosx")):
        wrong.append(f"the index takes no wheels for `{named['platform']}`")
    with zipfile.ZipFile(path) as wheel:
        sizes = {one.filename: one.file_size for one in wheel.infolist()}
    installed = sum(size for name, size in sizes.items() if name.startswith("octomed/"))
    packed = path.stat().st_size
    print(
        f"{path.name}: {packed:,} bytes, {installed:,} installed, {sizes.get(EXTENSION, 0):,} of them the extension"
    )
    wrong += [f"{name} is in it" for name in sizes if name.startswith("octomed/") and REFUSED.search(name)]
    wrong += [f"{name} is not in it" for name in NEEDED if name not in sizes]
    for name in LICENSES:
        if not any(one.endswith(f".dist-info/licenses/{name}") for one in sizes):
            wrong.append(f"{name} is not in it")
    if packed > LARGEST_WHEEL:
        wrong.append(f"it has {packed:,} bytes, more than {LARGEST_WHEEL:,}")
    if installed > LARGEST_INSTALLED:
        wrong.append(f"it has {installed:,} bytes installed, more than {LARGEST_INSTALLED:,}")
    return wrong


def of_sdist(path: Path) -> list[str]:
    """Return what is wrong with a source distribution."""
    root = f"octomed-{version()}"
    with tarfile.open(path) as archive:
        names = set(archive.getnames())
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(names):,} files")
    needed = (
        "Cargo.toml",
        "Cargo.lock",
        "pyproject.toml",
        "LICENSE",
        "NOTICE",
        "rust/python/Cargo.toml",
        "python/octomed/__init__.py",
    )
    wrong = [f"{name} is not in it" for name in needed if f"{root}/{name}" not in names]
    return wrong + [f"{name} is in it" for name in sorted(names) if name.endswith((".pyc", ".so"))]


def main(folder: Path) -> int:
    """Check all files of a folder, and return the exit code."""
    files = sorted([*folder.glob("octomed-*.whl"), *folder.glob("octomed-*.tar.gz")])
    if not files:
        print(f"error: {folder} holds no wheel and no sdist: `make dist` builds them", file=sys.stderr)
        return 1
    wrong = [
        f"{path.name}: {what}"
        for path in files
        for what in (of_wheel if path.suffix == ".whl" else of_sdist)(path)
    ]
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
