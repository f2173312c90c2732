"""`python -m bench.compare`: octomed beside its peers, one corpus, one run, results as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from bench.compare import contests, machine
from bench.compare.contests import Entry, Place
from bench.compare.measure import Run
from bench.compare.sizes import BY_NAME

RESULTS = Path(__file__).parents[1] / "results"


def rotated(entries: list[Entry], by: int) -> list[Entry]:
    """The order of round `by`: everyone goes first in turn."""
    by %= len(entries)
    return entries[by:] + entries[:by]


def contend(name: str, entries: list[Entry], rounds: int) -> dict[str, list[Run]]:
    """Runs every entry once a round."""
    made: dict[str, list[Run]] = {entry.name: [] for entry in entries}
    for number in range(rounds):
        for entry in rotated(entries, number):
            one = entry.run()
            made[entry.name].append(one)
            print(f"{name} {number + 1}/{rounds} {entry.name}: {one.wall_seconds:.1f} s, "
                  f"{one.peak_rss_mb:,.0f} MB", flush=True)  # fmt: skip
    return made


def agree(made: dict[str, list[Run]]) -> None:
    """Refuses to go on when contestants made different numbers of tokens of one corpus without duplicates."""
    tokens = {name: runs[0].figures["tokens"] for name, runs in made.items() if runs}
    if len(set(tokens.values())) > 1:
        raise SystemExit(f"not the same work: tokens {tokens}")


def medians(runs: list[Run]) -> dict[str, Any]:
    """Median of everything that is a number in all runs, stages included."""
    return median_of([run.plain() for run in runs if run])


def median_of(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the numbers of dictionaries, into the inner ones."""
    found: dict[str, Any] = {}
    for key in values[0]:
        column = [value.get(key) for value in values]
        if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in column):
            found[key] = statistics.median(column)
        elif all(isinstance(one, dict) for one in column):
            found[key] = median_of(column)
    return found


def main() -> None:
    """Reads the command line, holds the contests, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--size", choices=list(BY_NAME), default="small")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contestant; medians are reported")
    parser.add_argument("--only", nargs="+", choices=list(contests.ALL), default=list(contests.ALL))
    parser.add_argument("--without", nargs="+", default=[], help="contestants to leave out")
    parser.add_argument(
        "--skip", nargs="+", default=[], help="contests to leave out: `tokenize-chinese`, say"
    )
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "octomed-bench")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="memory-backed folder")
    parser.add_argument("--out", type=Path, help="result file; bench/results/<size>.json unless told")
    given = parser.parse_args()
    given.scratch.mkdir(parents=True, exist_ok=True)
    place = Place(given.scratch, given.memory, BY_NAME[given.size])
    about = machine.describe()
    found: dict[str, Any] = {}
    for kind in given.only:
        for name, entries in contests.ALL[kind](place):
            if name in given.skip:
                continue
            taking_part = [entry for entry in entries if entry.name not in given.without]
            rounds = 1 if name == "warm-up" else given.rounds
            runs = contend(name, taking_part, rounds)
            if name == "warm-up":
                agree(runs)
                continue
            found[name] = {
                one: {"median": medians(made), "runs": [run.plain() for run in made]}
                for one, made in runs.items()
            }
    out = given.out or RESULTS / f"{given.size}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": about, "size": given.size, "rounds": given.rounds, "contests": found}
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
