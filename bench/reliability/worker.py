"""A process that runs every second case of a campaign, and writes a JSON line a case to its standard output.

`python -m bench.reliability.worker SEED FOLDER KIND:NUMBER …`
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from bench.reliability import cases
from bench.reliability.flips import Flips
from bench.reliability.stores import StoreBench, store_fault, store_flip, store_kill

MODULES = ("octomed.cli.app", "octomed.pipeline.passes.run", "octomed.pipeline.inputs.tasks",
           "octomed.pipeline.finished.verify", "octomed.report.progress",
           "pyarrow.parquet", "pyarrow.csv", "pyarrow.compute")  # fmt: skip


class Worker:
    """Runs cases; what a kind needs is made when its first case is run."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self.bench: cases.Bench | None = None
        self.flips: Flips | None = None
        self.stores: StoreBench | None = None

    def run(self, kind: str, number: int) -> dict[str, Any]:
        """Run a case."""
        if kind == "flip":
            self.flips = self.flips or Flips(self.folder / "flips", self.seed)
            return self.flips.run(number)
        if kind.startswith("store_"):
            self.stores = self.stores or StoreBench(self.folder / "stores", self.seed)
            return {"store_kill": store_kill, "store_fault": store_fault, "store_flip": store_flip}[kind](
                self.stores, number
            )
        self.bench = self.bench or cases.Bench(self.folder / "bench", self.seed)
        return {"kill": cases.kill, "fault": cases.fault, "power": cases.power}[kind](self.bench, number)


def main() -> None:
    seed, folder, *wanted = sys.argv[1:]
    for module in MODULES:  # so that a forked child has them
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    worker = Worker(int(seed), Path(folder))
    out = os.fdopen(os.dup(1), "w")
    for name in wanted:
        kind, number = name.split(":")
        begin = time.monotonic()
        try:
            result = worker.run(kind, int(number))
        except Exception:  # noqa: BLE001 the next case may do better
            result = {"outcome": "ERROR of the campaign", "detail": traceback.format_exc()[-1500:]}
        result = {"case": name, **result, "seconds": round(time.monotonic() - begin, 2)}
        print(json.dumps(result, ensure_ascii=True), file=out, flush=True)


if __name__ == "__main__":
    main()
