"""Everything of `curate` on against everything off, over a corpus in which the truth is planted.

`python -m bench.curation` makes 60,000 traces with exact and near duplicates, wrong answers and evaluation
questions, packs them in turns with every rule, with none and with decontamination alone, each time from an
empty store, and again with another selection over the store. In the same turns the best existing parts put
together flag near duplicates and pack (`bench.compare.contestants.assembled_near`), where they are installed.
It writes `bench/results/curation.json`: traces a second of all, what the rules found and missed of what was
planted, and the seconds of a changed selection.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from bench.compare import contests, measure
from bench.compare.contestants import octomed_path
from bench.compare.machine import describe
from bench.compare.sizes import SMALL
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus
from bench.curation_corpus import Truth, plant

RESULT = Path(__file__).parent / "results" / "curation.json"
THRESHOLD = 0.8
RULES: dict[str, Any] = {
    "accept": {"answer": "match", "format": ["think", "answer"]},
    "length": {"reasoning_words": [1, 16_384]},
    "repetition": {"max_ngram_share": 0.9, "max_loop_words": 4_000},
    "unfinished": "reject",
    "refusals": "reject",
    "language": {"script": "latin", "min_share": 0.2},
    "identifying": {"kinds": ["email", "phone", "national_id", "record_number"], "action": "report"},
    "duplicates": {
        "exact": True,
        "near": {
            "action": "drop",
            "ngram": 5,
            "bands": 20,
            "rows": 6,
            "threshold": THRESHOLD,
            "scope": "all",
        },
    },
    "traces_per_question": 16,
}


CURATE: dict[str, dict[str, Any] | None] = {"off": None, "decontaminate": {}, "on": RULES}
"""Runs of octomed, and their rules besides decontamination."""


def recipe(corpus: Path, out: Path, store: Path, curate: dict[str, Any] | None) -> str:
    """A recipe with these rules and decontamination, or with none but exact duplicates."""
    values = json.loads(octomed_path.recipe(str(corpus), out, store))
    if curate is not None:
        against = {"against": [str(corpus / "evaluation.jsonl")], "ngram": 16}
        values["curate"] = {**curate, "decontaminate": against}
        values |= {"mix": {"text": 1.0}} if curate else {}
    return json.dumps(values)


def once(name: str, scratch: Path, text: str) -> measure.Run:
    """Pack a recipe in a process of its own."""
    file = scratch / f"{name}.yaml"
    file.write_text(text)
    return measure.run(name, octomed_path.command(file), scratch / f"{name}.log")


def found(out: Path, reason: str) -> set[tuple[str, int, int]]:
    """Places of the traces that a run left out for a reason."""
    table = pq.read_table(out / "rejects" / "corpus.parquet", filters=[("reason", "=", reason)])
    columns = (table[name].to_pylist() for name in ("file", "row", "sample"))
    return set(zip(*columns, strict=True))


def kept(out: Path) -> set[tuple[str, int, int]]:
    """Places of the packed traces."""
    places = set()
    for path in (out / "provenance").glob("*.parquet"):
        table = pq.read_table(path, columns=["file", "row", "sample"])
        places |= set(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
    return places


def score(out: Path, truth: Truth) -> dict[str, dict[str, float]]:
    """What the rules found of what was planted, and how much of what they left out was planted."""
    packed = kept(out)
    wrong, questions = found(out, "wrong_answer"), {place[:2] for place in found(out, "contaminated")}
    near = found(out, "near_duplicate")
    planted_near = {place for place, similarity in truth.near.items() if similarity >= 0.85}
    # Whether what was left out is near what stays is decided by texts: other pairs are no errors.
    return {
        "wrong answers": _scored(truth.wrong - wrong, truth.wrong, wrong - truth.wrong, wrong),
        "near duplicates": _scored(planted_near & packed, planted_near, set(), near),
        "contaminated questions": _scored(
            {place for place in truth.contaminated if place not in questions and _has(packed, place)},
            truth.contaminated,
            questions - truth.contaminated,
            questions,
        ),
    }


def _has(packed: set[tuple[str, int, int]], place: tuple[str, int]) -> bool:
    return any((*place, sample) in packed for sample in range(64))


def _scored(missed: set[Any], planted: set[Any], beyond: set[Any], all_found: set[Any]) -> dict[str, float]:
    return {
        "planted": len(planted),
        "found": len(all_found),
        "recall": 1 - len(missed) / max(1, len(planted)),
        "beyond what was planted": len(beyond),
    }


def main() -> None:
    """Reads the command line, runs everything, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.curation", description=__doc__)
    parser.add_argument("--traces", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "octomed-curation")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    shutil.rmtree(given.scratch, ignore_errors=True)
    given.scratch.mkdir(parents=True)
    machine = describe()
    write_corpus(Plan(given.traces), given.scratch / "plain", workers=2)
    truth = plant(given.scratch / "plain", given.scratch / "corpus")
    shutil.rmtree(given.scratch / "plain")
    runs = _in_turns(given.rounds, given.scratch)
    seconds = {name: _median(several) for name, several in runs.items()}
    scans = {name: statistics.median(run.figures["stages"]["scan"] for run in runs[name]) for name in CURATE}
    result = {
        "machine": machine,
        "traces": given.traces,
        "runs": {name: [run.plain() for run in several] for name, several in runs.items()},
        "share of the throughput": seconds["off"] / seconds["on"],
        "decontamination, share of a scan": (seconds["decontaminate"] - seconds["off"]) / scans["off"],
        "assembled parts take, times": seconds["parts"] / seconds["on"] if "parts" in seconds else None,
        "planted": score(given.scratch / "on", truth),
        "changed selection": _changed(given.scratch).plain(),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(given.scratch)
    print(
        json.dumps(
            {name: value for name, value in result.items() if name not in {"machine", "runs"}}, indent=1
        )
    )
    print(f"wrote {given.out}")


def _in_turns(rounds: int, scratch: Path) -> dict[str, list[measure.Run]]:
    """Each run in every round, the order turned round from one to the next."""
    place = contests.Place(scratch / "parts", scratch, SMALL)
    told = {"corpus": str(scratch / "corpus"), "tokenizer": str(place.tokenizer)}
    entries = {name: partial(_fresh, name, scratch) for name in CURATE}
    if contests.has("rensa", "gigatoken", "seqpacker"):
        entries["parts"] = contests.peer(place, "parts", "assembled_near", told).run
    runs: dict[str, list[measure.Run]] = {name: [] for name in entries}
    for turn in range(rounds):
        for name in list(entries)[:: 1 if turn % 2 == 0 else -1]:
            runs[name].append(entries[name]())
    return runs


def _fresh(name: str, scratch: Path) -> measure.Run:
    """Pack from an empty store; traces made and seconds are of this call."""
    out, store = scratch / name, scratch / f"store-{name}"
    for folder in (out, store):
        shutil.rmtree(folder, ignore_errors=True)
    run = once(name, scratch, recipe(scratch / "corpus", out, store, CURATE[name]))
    run.figures = octomed_path.figures(out)
    return run


def _changed(scratch: Path) -> measure.Run:
    """Pack another selection of the store that the last run with all rules left."""
    rules = {**RULES, "traces_per_question": 2, "length": {"reasoning_words": [8, 16_384]}}
    out, store = scratch / "changed", scratch / "store-on"
    run = once("changed", scratch, recipe(scratch / "corpus", out, store, rules))
    told = json.loads((out / "octomed.json").read_text())["run"]
    run.figures = octomed_path.figures(out) | {"blocks_scanned": told["blocks_scanned"]}
    return run


def _median(runs: list[measure.Run]) -> float:
    return statistics.median(run.wall_seconds for run in runs)


if __name__ == "__main__":
    main()
