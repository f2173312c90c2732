"""The corpus of the paper's size through `octomed pack`, once: how long, what memory, where the time went.

`python -m bench.full` makes 8,095,571 traces, or as many as the disk holds, says which, packs them in a
process of its own and writes `bench/results/full-run.json`. `--traces 200000 800000` runs several sizes one
after the other, which shows how time and memory grow.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.compare import measure
from bench.compare.contestants import octomed_path
from bench.compare.machine import describe
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus

PAPER = 8_095_571
BYTES_A_TRACE = {"corpus": 1_420, "store": 2_120, "shards and provenance": 1_520}
"""Measured on 200,000 traces, rounded up."""
SPARE = 0.02
"""Share of the free disk that stays free."""
RESULT = Path(__file__).parent / "results" / "full-run.json"


def fitting(wanted: int, folder: Path) -> int:
    """As many traces as are wanted, or as the disk of `folder` holds."""
    free = shutil.disk_usage(folder).free * (1 - SPARE)
    return min(wanted, int(free / sum(BYTES_A_TRACE.values())))


def once(traces: int, scratch: Path) -> dict[str, Any]:
    """Makes a corpus, packs it, and removes both."""
    corpus, out, store = (scratch / name for name in ("corpus", "out", "store"))
    for folder in (corpus, out, store):
        shutil.rmtree(folder, ignore_errors=True)
    begin = time.perf_counter()
    write_corpus(Plan(traces), corpus, workers=2)
    made = time.perf_counter() - begin
    file = scratch / "recipe.yaml"
    file.write_text(octomed_path.recipe(str(corpus), out, store), encoding="utf-8")
    run = measure.run("octomed", octomed_path.command(file), scratch / "octomed.log")
    run.figures = octomed_path.figures(out) | {
        "corpus_traces_a_second": traces / made,
        "corpus_mb": size_mb(corpus),
        "store_mb": size_mb(store),
        "out_mb": size_mb(out),
        "traces_a_second": traces / run.wall_seconds,
    }
    for folder in (corpus, out, store):
        shutil.rmtree(folder)
    return run.plain()


def size_mb(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def told(run: dict[str, Any]) -> str:
    """A run in one line."""
    figures = run["figures"]
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in figures["stages"].items())
    return (
        f"{figures['traces']:,} traces: {run['wall_seconds']:.1f} s ({stages}), "
        f"{run['peak_rss_mb']:,.0f} MB resident, {run['peak_anonymous_mb']:,.0f} MB of them anonymous"
    )


def main() -> None:
    """Reads the command line, runs each size, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.full", description=__doc__)
    parser.add_argument("--traces", type=int, nargs="+", default=[PAPER])
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "octomed-full")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    given.scratch.mkdir(parents=True, exist_ok=True)
    machine, runs = describe(), []
    for wanted in given.traces:
        traces = fitting(wanted, given.scratch)
        if traces < wanted:
            print(f"{wanted:,} traces want more disk than is free: {traces:,} fit", flush=True)
        runs.append({"wanted": wanted, **once(traces, given.scratch)})
        print(told(runs[-1]), flush=True)
    given.out.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
