"""`python -m bench.reliability`: kills, failing disks, power cuts and flipped bits, drawn from a seed.

Every outcome is in the JSON file as soon as it is known; with `--resume` a campaign that was ended early goes
on. `docs/reliability.md` says what the outcomes mean.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import octomed
from bench.compare.machine import describe
from bench.reliability.cases import GOOD, KILLS_A_CASE
from bench.reliability.forked import build_layer

TOP = Path(__file__).parents[2]


class Results:
    """The JSON file of a campaign."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path, self.about = path, about
        self.cases: list[dict[str, Any]] = []
        self.begin = time.monotonic()
        self.lock = threading.Lock()

    def resume(self) -> set[str]:
        """Take over the cases of an earlier campaign of the same seed; returns their names."""
        if self.path.exists():
            earlier = json.loads(self.path.read_text(encoding="utf-8"))
            if earlier["seed"] != self.about["seed"]:
                sys.exit(f"`{self.path}` is of seed {earlier['seed']}")
            self.cases, self.begin = earlier["cases"], self.begin - earlier["seconds"]
        return {case["case"] for case in self.cases}

    def add(self, case: dict[str, Any]) -> None:
        """Write a case down."""
        with self.lock:
            self.cases.append(case)
            value = {**self.about, "seconds": round(time.monotonic() - self.begin), "summary": self.summary()}
            text = json.dumps({**value, "cases": self.cases}, indent=1) + "\n"
            self.path.write_text(text, encoding="utf-8")
        if case["outcome"] not in GOOD:
            print(json.dumps(case), flush=True)

    def summary(self) -> dict[str, dict[str, int]]:
        """How often each outcome was met, by kind of case, and how many kills there were."""
        counts: dict[str, Counter[str]] = {}
        for case in self.cases:
            kind = case["case"].split(":")[0]
            counts.setdefault(kind, Counter())[case["outcome"]] += 1
            if kind in {"kill", "store_kill"}:
                counts[kind]["kills"] += case.get("kills", 0)
        return {kind: dict(sorted(count.items())) for kind, count in sorted(counts.items())}


def run(words: list[str], seed: int, layer: Path, folder: Path, results: Results) -> None:
    """Run cases in a worker; one that dies is a result as well."""
    places = [str(TOP), str(Path(octomed.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"LD_PRELOAD": str(layer), "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-m", "bench.reliability.worker", str(seed), str(folder), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TOP, env=environment) as worker:
        assert worker.stdout is not None
        done = 0
        for line in worker.stdout:
            results.add(json.loads(line))
            done += 1
    for name in words[done:]:
        results.add({"case": name, "outcome": "ERROR of the campaign", "detail": f"exit {worker.returncode}"})


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.reliability", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--faults", type=int, default=66)
    parser.add_argument("--power-cuts", type=int, default=20)
    parser.add_argument("--flips", type=int, default=400)
    parser.add_argument("--store-kills", type=int, default=100)
    parser.add_argument("--store-faults", type=int, default=44)
    parser.add_argument("--store-flips", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2, help="cases at a time")
    parser.add_argument("--case", action="append", default=[], help="run this one alone, such as flip:17")
    parser.add_argument("--resume", action="store_true", help="keep the cases of this seed that the file has")
    return parser.parse_args()


def main() -> int:
    chosen = parsed()
    counts = {
        "kill": -(-chosen.kills // KILLS_A_CASE),
        "fault": chosen.faults,
        "power": chosen.power_cuts,
        "flip": chosen.flips,
        "store_kill": -(-chosen.store_kills // KILLS_A_CASE),
        "store_fault": chosen.store_faults,
        "store_flip": chosen.store_flips,
    }
    words = chosen.case or [f"{kind}:{at}" for kind, count in counts.items() for at in range(count)]
    results = Results(chosen.out, {"seed": chosen.seed, "machine": describe()})
    known = results.resume() if chosen.resume else set()
    words = [word for word in words if word not in known]
    folder = Path(tempfile.mkdtemp(prefix="octomed-reliability-"))
    try:
        layer = build_layer(folder)
        threads = [
            threading.Thread(
                target=run, args=(words[at :: chosen.workers], chosen.seed, layer, folder / str(at), results)
            )
            for at in range(min(chosen.workers, len(words)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for kind, outcomes in results.summary().items():
        print(f"{kind}: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    return int(any(case["outcome"] not in GOOD for case in results.cases))


if __name__ == "__main__":
    sys.exit(main())
