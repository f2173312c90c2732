"""Check the licences of all Python packages that the package and its extras install, as pip-licenses finds them.

What the package itself needs has to be permissive. What extras bring is installed beside it and not shipped with it: there
licences that ask for the source of the licensed part alone will do, and `EXCEPTIONS` says by name what else there is, and why.
Exit code 1 where a licence is none of these.
"""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from importlib import metadata

from packaging.requirements import Requirement

EXTRAS = ("train", "lora", "hub", "s3")
PERMISSIVE = (
    "0bsd", "3-clause bsd license", "apache*", "bsd*", "cc0*", "cnri-python", "hpnd", "isc*", "mit*", "psf-2.0",
    "python software foundation license", "unlicense*", "zlib", "universal permissive license*",
)  # fmt: skip
WEAK = (
    "mpl-2.0",
    "mozilla public license*",
    "gnu lesser general public license*",
    "lgpl*",
    "gnu library or lesser*",
)
"""The licensed part's source has to be offered, which its own index does, and whoever imports it is free."""
EXCEPTIONS = {
    "mosaicml": "Apache-2.0 by its repository; the metadata says nothing",
    "mosaicml-cli": "a client of a service; a dependency of mosaicml, which nothing here imports",
    "mosaicml-streaming": "Apache-2.0 by its repository; the metadata says nothing",
    "nvidia-*": "CUDA's libraries, which PyTorch's wheels for GPUs ask for; NVIDIA's terms allow to install and use them",
}


def closure(name: str, extras: frozenset[str], found: dict[str, frozenset[str]]) -> None:
    """Add a distribution and all that it requires here, with these extras, to what was found."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if extras <= found.get(key, frozenset()) and key in found:
        return
    found[key] = found.get(key, frozenset()) | extras
    try:
        requirements = metadata.distribution(name).requires or []
    except metadata.PackageNotFoundError:
        return
    for one in map(Requirement, requirements):
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            closure(one.name, frozenset(one.extras), found)


def licences(names: list[str]) -> dict[str, str]:
    """Return the licence of each package that is installed, as its metadata has it."""
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--packages", *names]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {one["Name"]: one["License"] for one in json.loads(done.stdout)}


def allowed(licence: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a licence is allowed: of `A OR B` one has to be, of `A AND B` and `A; B` all."""
    return any(
        all(
            any(fnmatch.fnmatch(part.strip("() ").lower(), pattern) for pattern in patterns)
            for part in re.split(r"\bAND\b|;", choice)
        )
        for choice in re.split(r"\bOR\b", licence)
    )


def main() -> int:
    """Check, print what is wrong and what is excepted, and return the exit code."""
    needed: dict[str, frozenset[str]] = {}
    closure("octomed", frozenset(), needed)
    everything: dict[str, frozenset[str]] = {}
    closure("octomed", frozenset({"", *EXTRAS}), everything)
    wrong = excepted = 0
    found = licences(sorted(everything))
    for name, licence in sorted(found.items()):
        patterns = PERMISSIVE if re.sub(r"[-_.]+", "-", name).lower() in needed else PERMISSIVE + WEAK
        if allowed(licence, patterns):
            continue
        why = next(
            (why for pattern, why in EXCEPTIONS.items() if fnmatch.fnmatch(name.lower(), pattern)), None
        )
        print(f"{name}: {licence}{f' ({why})' if why else ': not allowed'}")
        excepted += why is not None
        wrong += why is None
    print(
        f"{len(found)} Python packages, {len(needed) - 1} of them needed without extras: {excepted} by name, {wrong} not allowed"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
