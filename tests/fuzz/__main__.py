"""`python -m tests.fuzz`: damages files by a seed, and runs the commands that read them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.campaign import fuzz
from tests.fuzz.surfaces import SURFACES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--surface", action="append", help=f"all by default: {', '.join(SURFACES)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each surface")
    parser.add_argument("--case", type=int, help="run this one alone")
    parser.add_argument("--out", type=Path, help="a JSON file for the outcomes")
    parser.add_argument("--keep", type=Path, help="a folder for damaged files that find a fault")
    chosen = parser.parse_args()
    outcomes = []
    for surface in chosen.surface or SURFACES:
        one = {} if chosen.case is None else {"first": chosen.case, "cases": 1}
        outcome = fuzz(surface, seed=chosen.seed, seconds=chosen.seconds, keep=chosen.keep, **one)
        outcomes.append(asdict(outcome))
        if chosen.out:
            chosen.out.write_text(json.dumps(outcomes, indent=1) + "\n", encoding="utf-8")
        print(  # noqa: T201 the answer
            f"{surface}: {outcome.cases} cases in {outcome.seconds:.0f} s, at most {outcome.peak_mb} MB, "
            f"exit codes {outcome.codes}, {len(outcome.findings)} findings"
        )
        for finding in outcome.findings:
            print(json.dumps(finding, ensure_ascii=True))  # noqa: T201 as above
    return int(any(outcome["findings"] for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
