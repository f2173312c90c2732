"""Near duplicates inside a whole `octomed pack`: seconds and memory of the stage that compares texts.

`python -m bench.near_stage` makes a corpus in which a twentieth of the traces are near copies of others, and
packs a quarter, a half and all of its files, each from an empty store and with every rule of `bench.curation`
on. The seconds in which texts are read back and compared are told by the run itself; memory is that of the
process tree while it selects, sampled every 20 ms. A line through both, by traces, says what the paper's
8,095,571 would take. `bench/results/near-stage.json` has all of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bench.compare import measure
from bench.compare.contestants import octomed_path
from bench.compare.machine import describe
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus
from bench.curation import RULES, recipe
from bench.curation_corpus import plant

RESULT = Path(__file__).parent / "results" / "near-stage.json"
FULL = 8_095_571
COPIES = 0.05
"""Of all traces are near copies."""
SHORT = 1.18
"""Rows that are chosen for a copy for each that gets one: the others have no response that is long enough."""
SHARES = (4, 2, 1)
SECONDS, MEGABYTES = 120.0, 2_000.0
"""What the comparison may take at the paper's size."""


@dataclass
class Stage:
    """A pack of a part of the corpus."""

    traces: int
    near_duplicates: int
    seconds: dict[str, float]
    """By stage; `near` is the comparison of texts."""
    peak_anonymous_mb: float
    peak_rss_mb: float
    """Of the process tree while it selects, pages of files included."""


def corpus(traces: int, folder: Path) -> None:
    """Write a corpus and plant near copies into it."""
    write_corpus(Plan(traces), folder / "plain", workers=2)
    names = json.loads((folder / "plain" / "corpus.json").read_text())["files"]
    rows = sum(pq.read_metadata(folder / "plain" / name).num_rows for name in names)
    plant(folder / "plain", folder / "corpus", near=min(1.0, SHORT * COPIES * traces / rows))
    shutil.rmtree(folder / "plain")


def part_of(folder: Path, share: int) -> Path:
    """Return a folder with every so-many-th file of the corpus."""
    part = folder / f"part-{share}"
    part.mkdir()
    for path in sorted((folder / "corpus").glob("part-*.parquet"))[::share]:
        (part / path.name).symlink_to(path)
    (part / "evaluation.jsonl").symlink_to(folder / "corpus" / "evaluation.jsonl")
    return part


def packed(folder: Path, share: int) -> Stage:
    """Pack a part from an empty store, and watch its memory from one event to the next."""
    out, store = folder / "out", folder / "store"
    file = folder / "recipe.yaml"
    file.write_text(recipe(part_of(folder, share), out, store, RULES))
    command = [*octomed_path.command(file), "--set", "report.write=false"]
    last = ""
    with (folder / "summary.json").open("wb") as out_file:
        process = subprocess.Popen(
            command, stdout=out_file, stderr=subprocess.PIPE, text=True, env=measure.environment(None)
        )
        watch = measure.Watch(process.pid)
        watch.start()
        rss = anonymous = 0
        for last in process.stderr or ():
            event = json.loads(last) if last.startswith("{") else {}
            if event.get("stage") == "select" and event["event"] == "stage":  # it begins
                watch.rss = watch.anonymous = 0
            if event.get("stage") == "select" and event["event"] == "stage_done":
                rss, anonymous = watch.rss, watch.anonymous
        watch.done.set()
        watch.join()
    if process.wait():
        raise RuntimeError(last)
    told = json.loads((out / "octomed.json").read_text(encoding="utf-8"))
    stage = Stage(
        told["counts"]["traces"],
        told["counts"]["near_duplicates"],
        told["run"]["seconds"],
        round(anonymous / 1024, 1),
        round(rss / 1024, 1),
    )
    for path in (out, store):
        shutil.rmtree(path)
    return stage


def at_full_size(stages: list[Stage]) -> dict[str, float]:
    """What a straight line through the figures says of all traces of the paper."""
    traces = [stage.traces for stage in stages]
    figures = {
        "near_seconds": [stage.seconds["near"] for stage in stages],
        "select_seconds": [stage.seconds["select"] for stage in stages],
        "peak_anonymous_mb": [stage.peak_anonymous_mb for stage in stages],
        "peak_rss_mb": [stage.peak_rss_mb for stage in stages],
    }
    lines = {name: np.polyfit(traces, values, 1) for name, values in figures.items()}
    return {name: round(float(np.polyval(line, FULL)), 1) for name, line in lines.items()}


def main() -> int:
    """Reads the command line, runs everything, writes one JSON file; fails where a bound is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.near_stage", description=__doc__)
    parser.add_argument("--traces", type=int, default=400_000)
    parser.add_argument("--corpus", type=Path, help="a folder with `corpus` in it, made by an earlier call")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    machine = describe()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if given.corpus:
            (folder / "corpus").symlink_to(given.corpus / "corpus")
        else:
            corpus(given.traces, folder)
        stages = [packed(folder, share) for share in SHARES]
    full = at_full_size(stages)
    result: dict[str, Any] = {"machine": machine, "stages": [vars(one) for one in stages], "paper": full}
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["stages"] + [full], indent=1))
    return int(full["near_seconds"] > SECONDS or full["peak_rss_mb"] > MEGABYTES)


if __name__ == "__main__":
    raise SystemExit(main())
