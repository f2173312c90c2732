"""Text to ids on one thread with each instruction set that the processor has.

`python -m bench.instruction_sets` builds the Rust program of this name, runs it and writes the figures with
the machine and the commit to `bench/results/instruction-sets.json`. An instruction set that is not 10 %
faster than the one before it in any of its figures has no place in the tokenizer: the exit code is then 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.compare.machine import describe

RESULT = Path(__file__).parent / "results" / "instruction-sets.json"
GAIN = 1.1


def measured(rounds: int) -> dict[str, Any]:
    """Megabytes per second by language, instruction set and pass."""
    command = ["cargo", "run", "--quiet", "--release", "-p", "octomed-bench", "--bin", "instruction_sets"]
    done = subprocess.run([*command, str(rounds)], stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def gains(figures: dict[str, Any]) -> dict[str, float]:
    """The largest gain of each instruction set over the one before it, as a quotient."""
    best: dict[str, float] = {}
    for sets in figures.values():
        names = list(sets)
        for before, name in itertools.pairwise(names):
            quotients = [sets[name][key] / sets[before][key] for key in sets[name]]
            best[name] = max([best.get(name, 0.0), *quotients])
    return {name: round(gain, 3) for name, gain in best.items()}


def main() -> int:
    """Measures, stores and judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    result = describe() | {"rounds": given.rounds, "figures": measured(given.rounds)}
    result["gains"] = gains(result["figures"])
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["gains"]))
    return int(any(gain < GAIN for gain in result["gains"].values()))


if __name__ == "__main__":
    sys.exit(main())
