"""The worst inputs that were thought of, packed with two workers: peak memory and time of each.

`python -m bench.worst` runs them all, one after the other, each in a process of its own that has 8 GiB of
addresses at most, and writes the medians to `bench/results/worst.json` as they come. `python -m bench.worst
ones`: one, in place of what the file says of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.compare.machine import describe
from bench.worst_images import CASES  # those of texts, too

RESULT = Path(__file__).parent / "results" / "worst.json"
ADDRESSES = 8 * 2**30
# The system counts to a `ru_maxrss` what the parent had when the child was made: the child asks for its own.
_CHILD = """
import atexit, pathlib, re, resource, sys
peak, addresses, *arguments = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(addresses),) * 2)
status = pathlib.Path("/proc/self/status")
atexit.register(lambda: pathlib.Path(peak).write_text(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]))
from octomed.cli.app import run
sys.exit(run(arguments))
"""
BYTES_A_TRACE = 80
LIMIT_MB = 2000


def recipe(name: str, file: Path, folder: Path) -> dict[str, Any]:
    """A recipe of one source."""
    case = CASES[name]
    return {
        "name": name.replace("_", "-"),
        "model": case.model,
        "sources": [{"name": "worst", "path": str(file), "format": case.format, **case.source}],
        "pack": {"capacity": 16384, "seed": 17},
        "output": {"path": str(folder / "out")},
        "work": {"path": str(folder / "store")},
    } | ({"images": case.images} if case.images else {})


def run(name: str, folder: Path, scale: float = 1.0) -> dict[str, Any]:
    """Writes a case, packs it in a child and returns the child's exit code, peak and time."""
    data = folder / "data"
    data.mkdir(parents=True)
    file = CASES[name].write(data, scale)
    size = file.stat().st_size
    (folder / "recipe.json").write_text(json.dumps(recipe(name, file, folder)), encoding="utf-8")
    arguments = ["pack", str(folder / "recipe.json"), "--workers", "2"]
    command = [sys.executable, "-c", _CHILD, str(folder / "peak"), str(ADDRESSES), *arguments]
    begin = time.perf_counter()
    with (folder / "log").open("wb") as log:
        child = subprocess.run(command, stdout=log, stderr=log, check=False)
    run_file = folder / "out/octomed.json"
    counts = json.loads(run_file.read_text())["counts"] if run_file.exists() else {}
    return {
        "exit": child.returncode,
        "peak_mb": _peak_mb(folder / "peak"),
        "seconds": round(time.perf_counter() - begin, 1),
        "input_mb": round(size / 1e6, 2),
        "traces": counts.get("traces", 0),
        "rows_refused": counts.get("rows_refused", {}),
        "said": _last_error((folder / "log").read_text(errors="replace")),
    }


def allowed_mb(traces: int) -> float:
    """What a run of so many traces may take at its peak."""
    return LIMIT_MB + traces * BYTES_A_TRACE / 1e6


def _peak_mb(file: Path) -> int:
    """What the child wrote; one that was killed wrote nothing, and had as much as it may."""
    return round(int(file.read_text()) * 1024 / 1e6) if file.exists() else round(ADDRESSES / 1e6)


def _last_error(log: str) -> str:
    return next((line for line in log.splitlines() if line.startswith("error")), "")[:300]


def main() -> None:
    """Reads the command line, runs the cases, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.worst", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *CASES], help="cases; all where none is named")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--result", type=Path, default=RESULT)
    given = parser.parse_args()
    found: dict[str, Any] = {}
    if given.names and given.result.exists():
        found = json.loads(given.result.read_text())["cases"]
    about = describe() | {"settings": {"rounds": given.rounds, "scale": given.scale, "workers": 2}}
    for name in given.names or CASES:
        rounds = []
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory(prefix="octomed-worst-") as folder:
                rounds.append(run(name, Path(folder), given.scale))
        middle = {key: statistics.median(one[key] for one in rounds) for key in ("peak_mb", "seconds")}
        found[name] = rounds[0] | middle
        is_right = found[name]["exit"] == CASES[name].ends and middle["peak_mb"] <= allowed_mb(
            found[name]["traces"]
        )
        print(f"{name:20} {'' if is_right else 'WRONG '}{json.dumps(found[name])}", flush=True)
        given.result.write_text(json.dumps(about | {"cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
