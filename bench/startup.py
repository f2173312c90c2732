"""How long the command line takes to begin: every verb's help, the version, and a check of the quickstart.

`python -m bench.startup` runs each command several times, in processes of their own. The quickest counts, of
processor time (the process's and the system's for it) and of the clock. Exit code 1 where the former passes
the limit, which other work on the machine does not change much; the clock is only printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from octomed.cli.verbs import VERBS

RECIPE = Path(__file__).parents[1] / "recipes/quickstart.yaml"
HELP, CHECK = 0.25, 0.8
"""Seconds at most."""


def measured(words: list[str], rounds: int) -> tuple[float, float]:
    """Return processor seconds and seconds of the quickest of several runs, each the best of its own."""
    processor, clock = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            began, before = time.perf_counter(), os.times()
            subprocess.run(
                [sys.executable, "-m", "octomed", *words], cwd=folder, check=True, capture_output=True
            )
            after = os.times()
            clock.append(time.perf_counter() - began)
            processor.append(
                after.children_user + after.children_system - before.children_user - before.children_system
            )
    return min(processor), min(clock)


def main() -> int:
    """Measure, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    commands = [(["--version"], HELP), (["--help"], HELP)]
    commands += [([name, "--help"], HELP) for name in VERBS]
    commands += [(["check", str(RECIPE)], CHECK)]
    late = 0
    print("| command | processor, s | clock, s | at most, s |\n|---|---|---|---|")
    for words, limit in commands:
        processor, clock = measured(words, rounds)
        late += processor > limit
        shown = " ".join(["octomed", *words]).replace(str(RECIPE), "recipes/quickstart.yaml")
        print(f"| `{shown}` | {processor:.2f} | {clock:.2f} | {limit} |", flush=True)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
