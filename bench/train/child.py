"""`python -m bench.train.child WAY SETTINGS RESULT`: one way in a process of its own."""

from __future__ import annotations

import importlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

import torch
from bench.train.settings import NotHereError, Settings

MODULES = {"packed": "packed", "padded": "padded", "trl": "hugging_face"}


def measure(way: str, settings: Settings) -> dict[str, Any]:
    """What a way found, or why it does not run here."""
    try:
        found = importlib.import_module(f"bench.train.{MODULES[way]}").run(settings)
    except NotHereError as reason:
        return {"skipped": str(reason)}
    except torch.OutOfMemoryError as error:
        return {"skipped": "out of memory: " + str(error).split(". ")[0]}
    return found | memory(settings.device)


def memory(device: str) -> dict[str, float]:
    """Most memory of the timed steps on a GPU; of the whole process on a CPU."""
    if device == "cuda":
        return {
            "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9,
            "peak_reserved_gb": torch.cuda.max_memory_reserved() / 1e9,
        }
    return {"peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}


def main() -> None:
    """Reads the settings, writes the result."""
    way, settings, result = sys.argv[1:]
    found = measure(way, Settings.read(Path(settings)))
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
