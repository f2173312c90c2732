"""`octomed pack` on a corpus: writes the recipe, and reads what the finished run says about itself."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

MODEL = "Qwen/Qwen2.5-7B-Instruct"


def recipe(corpus: str, out: Path, store: Path) -> str:
    """A recipe with the defaults of a plain run; JSON is YAML."""
    return json.dumps(
        {
            "name": "bench",
            "model": MODEL,
            "sources": [
                {"name": "corpus", "path": f"{corpus}/part-*.parquet", "format": "octomed", "group": "text"}
            ],
            "pack": {"capacity": 16_384},
            "output": {
                "path": str(out),
                "compression": "zstd:1",
                "hashes": ["xxh3_64"],
                "shard_size": "128MiB",
            },
            "work": {"path": str(store)},
        },
        indent=2,
    )


def command(file: Path) -> list[str]:
    """How a user starts it."""
    script = shutil.which("octomed", path=str(Path(sys.executable).parent))
    start = [script] if script else [sys.executable, "-c", "from octomed.cli import main; main()"]
    return [*start, "pack", str(file), "--json"]


def figures(out: Path) -> dict[str, Any]:
    """What a finished run says of itself, and what its shards weigh."""
    told = json.loads((out / "octomed.json").read_text(encoding="utf-8"))
    counts = told["counts"]
    return {
        "traces": counts["traces"],
        "packs": counts["packs"],
        "tokens": counts["tokens"],
        "rejected": counts["rejected"],
        "fill": counts["tokens"] / (counts["packs"] * counts["capacity"]),
        "stages": told["run"]["seconds"],
        "written_mb": sum(path.stat().st_size for path in out.glob("*/shard.*")) / 1e6,
    }
