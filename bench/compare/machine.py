"""Where and with what a result was measured."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = [
    "octomed",
    "datasets",
    "transformers",
    "trl",
    "tokenizers",
    "tiktoken",
    "gigatoken",
    "seqpacker",
    "mosaicml-streaming",
    "pyarrow",
    "numpy",
    "zstandard",
]


def cpu_model() -> str:
    """The processor's name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def memory_gb() -> float:
    """Memory of the machine."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def commit() -> str:
    """The commit that was measured, with a mark when the tree had changes.

    Where the tree came without its history, `OCTOMED_COMMIT` says which.
    """
    given = os.environ.get("OCTOMED_COMMIT")
    if given or shutil.which("git") is None:
        return given or "unknown"
    folder = Path(__file__).parent
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=folder, capture_output=True, check=False
    )
    return asked.stdout.decode().strip() or "unknown"


def version(package: str) -> str | None:
    """Installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, Any]:
    """What a result file begins with."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": memory_gb(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "versions": {package: version(package) for package in PACKAGES},
    }
