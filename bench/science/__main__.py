"""`python -m bench.science`: seeds of the miniature, two at a time, and their results as JSON."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.science.conditions import CLAIMS, FULL, LADDER, SHORT, SMOKE, conditions_of

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run seeds, each in a process of its own with one thread, and write what they found."""
    words = _words()
    if words.one is not None:
        return _one(words)
    words.work.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(words.processes) as pool:
        codes = list(pool.map(lambda seed: _process(words, seed), words.seeds))
    files = [
        words.work / f"seed-{seed}.json" for seed, code in zip(words.seeds, codes, strict=True) if code == 0
    ]
    results = {"seeds": [json.loads(file.read_text(encoding="utf-8")) for file in files]}
    words.out.parent.mkdir(parents=True, exist_ok=True)
    words.out.write_text(json.dumps(results, separators=(",", ":")) + "\n", encoding="utf-8")
    return max(codes)


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.science", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--claims", nargs="+", choices=sorted(CLAIMS), default=list(SHORT))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--work", type=Path, default=ROOT / "build/science")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/science.json")
    parser.add_argument("--smoke", action="store_true", help="sizes that run every step and show nothing")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _process(words: argparse.Namespace, seed: int) -> int:
    command = [sys.executable, "-m", "bench.science", "--one", str(seed), "--work", str(words.work)]
    command += ["--claims", *words.claims, *(["--smoke"] if words.smoke else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    begin = time.monotonic()
    with (words.work / f"seed-{seed}.log").open("w", encoding="utf-8") as log:
        code = subprocess.run(
            command, stdout=log, stderr=log, env=environment, cwd=ROOT, check=False
        ).returncode
    print(f"seed {seed}: exit {code} after {time.monotonic() - begin:.0f} s", flush=True)
    return code


def _one(words: argparse.Namespace) -> int:
    import torch
    from bench.science.run import Seed
    from bench.science.unpacked import unpacked

    torch.set_num_threads(1)
    shutil.rmtree(words.work / f"seed-{words.one}", ignore_errors=True)
    file = words.work / f"seed-{words.one}.json"
    seed = Seed(words.work / f"seed-{words.one}", words.one, SMOKE if words.smoke else FULL)
    found = seed.run(conditions_of(words.claims), lambda found: _keep(file, found))
    found["packing"] = unpacked(seed.folder, LADDER[0].name)
    _keep(file, found)
    return 0


def _keep(file: Path, found: dict[str, Any]) -> None:
    file.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
