"""`docs/science.md` and its plots, made of a file of results: `python -m bench.science.page`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench.science import plots, words
from bench.science.analysis import Answered, Figure, Finding, figure
from bench.science.claims import findings, verdicts
from bench.science.conditions import CLAIMS, LADDER

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench/results/science.json"
SAME_LOSS = 1e-4
"""Losses of a step, packed and unpacked, are no further from each other."""


def page(results: dict[str, Any]) -> dict[str, str]:
    """Return the page and its plots by their paths in the repository.

    Parameters
    ----------
    results
        What `python -m bench.science` wrote.
    """
    seeds = results["seeds"]
    ran = list(seeds[0]["conditions"])
    found = findings(seeds)
    accuracies = {name: figure(seeds, lambda answered, name=name: answered.accuracy(name)) for name in ran}
    parts = [
        words.opening(len(seeds), [seed["seed"] for seed in seeds], len(seeds[0]["questions"])),
        _conditions(seeds, accuracies),
        *(_claim(claim, found, seeds) for claim in CLAIMS if any(one.claim == claim for one in found)),
        words.not_run([claim for claim in CLAIMS if all(one.claim != claim for one in found)]),
        _packing(seeds),
        _cost(seeds),
    ]
    files = {"docs/science.md": "\n".join(parts)}
    ladder = [one.name for one in (*LADDER[::-1][1:], LADDER[-1])]
    shown = ["base", *ladder]
    files["docs/science-ladder.svg"] = plots.bars(
        {name: accuracies[name].mean for name in shown},
        {name: accuracies[name].seeds for name in shown},
        "Accuracy by traces a question",
    )
    if "traces-16-padded" in ran:
        files["docs/science-length.svg"] = plots.lines(
            {name: _lengths(seeds, name) for name in ("traces-16", "traces-16-padded")},
            "Generated tokens by hidden steps",
            "mechanisms that the drugs set off",
            "tokens of a response",
        )
    return files


def _conditions(seeds: Sequence[dict[str, Any]], accuracies: dict[str, Figure]) -> str:
    lines = [
        words.CONDITIONS,
        "| condition | traces | tokens | steps | accuracy | known drugs | new drugs | cut |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, accuracy in accuracies.items():
        counts = [seed["counts"][name] for seed in seeds if name in seed["counts"]]
        sizes = [_mean(counts, key) for key in ("traces", "tokens", "steps")]
        known, new, cut = (_mean_of(seeds, name, kind) for kind in ("known", "new", "cut"))
        spread = f"{accuracy.mean:.3f} ({accuracy.low:.3f}–{accuracy.high:.3f})"
        lines.append(f"| `{name}` | {' | '.join(sizes)} | {spread} | {known:.3f} | {new:.3f} | {cut:.3f} |")
    return "\n".join([*lines, "", words.SAMPLES.format(**_samples(seeds))])


def _claim(claim: str, found: Sequence[Finding], seeds: Sequence[dict[str, Any]]) -> str:
    rows = [one for one in found if one.claim == claim]
    lines = [words.CLAIMS[claim], "| what | mean | 95 % | each seed | bar | |", "|---|---|---|---|---|---|"]
    for one in rows:
        each = ", ".join(f"{value:.3f}" for value in one.figure.seeds)
        interval = f"{one.figure.low:.3f} to {one.figure.high:.3f}"
        verdict = "holds" if one.holds else "**does not hold**"
        lines.append(
            f"| {one.text} | {one.figure.mean:.3f} | {interval} | {each} | {_bar(one)} | {verdict} |"
        )
    if claim == "length":
        shown = figure(seeds, lambda answered: answered.shown("traces-16"))
        plain = figure(seeds, lambda answered: answered.length("traces-16", given=False))
        lines += ["", words.SHOWN.format(shown=shown.mean, plain=plain.mean)]
    made = verdicts(found)[claim]
    return "\n".join([*lines, "", words.MADE if made else words.NOT_MADE, ""])


def _bar(one: Finding) -> str:
    if one.most == float("inf"):
        return f"≥ {one.least:g}"
    return f"{one.least:g} to {one.most:g}"


def _mean(counts: Sequence[dict[str, Any]], key: str) -> str:
    return f"{np.mean([one[key] for one in counts]):,.0f}" if counts else "–"


def _mean_of(seeds: Sequence[dict[str, Any]], name: str, kind: str) -> float:
    found = []
    for seed in seeds:
        answered = Answered.by(seed)
        right, whole, new = answered.of(name)[:, 0], answered.of(name)[:, 2], answered.facts[:, 2]
        found.append({"known": right[new == 0], "new": right[new == 1], "cut": 1 - whole}[kind].mean())
    return float(np.mean(found))


def _lengths(seeds: Sequence[dict[str, Any]], name: str) -> dict[int, float]:
    """Return mean tokens of whole responses, all seeds together, by hidden steps."""
    answers = np.concatenate([Answered.by(seed).of(name) for seed in seeds])
    hops = np.concatenate([Answered.by(seed).facts[:, 0] for seed in seeds])
    whole = answers[:, 2] == 1
    return {
        int(place): float(answers[whole & (hops == place), 1].mean())
        for place in np.unique(hops)
        if (whole & (hops == place)).sum() >= 3
    }


def _samples(seeds: Sequence[dict[str, Any]]) -> dict[str, float]:
    every = sum(seed["samples"]["samples"] for seed in seeds)
    right = sum(seed["samples"]["right"] for seed in seeds)
    first = [seed["counts"]["traces-16"]["rejects"] for seed in seeds]
    left = {
        reason: np.mean([one.get(reason, 0) for one in first]) for reason in ("duplicate", "contaminated")
    }
    return {"every": every / len(seeds), "share": right / every, **left}


def _packing(seeds: Sequence[dict[str, Any]]) -> str:
    """Return how far losses on packs and on padded rows of the same traces are from each other."""
    ran = [seed["packing"] for seed in seeds if "packing" in seed]
    if not ran:
        return ""
    apart = [max(abs(np.subtract(one["packed"], one["unpacked"]))) for one in ran]
    steps = min(len(one["packed"]) for one in ran)
    verdict = words.MADE if max(apart) <= SAME_LOSS else words.NOT_MADE
    each = ", ".join(f"{one:.1e}" for one in apart)
    early = max(max(abs(np.subtract(one["packed"], one["unpacked"]))[:8]) for one in ran)
    return (
        words.PACKING.format(steps=steps, apart=each, bar=f"{SAME_LOSS:.0e}", early=f"{early:.0e}")
        + f"\n{verdict}\n"
    )


def _cost(seeds: Sequence[dict[str, Any]]) -> str:
    cpu = [seed["cpu_seconds"] / 60 for seed in seeds]
    wall = [seed["wall_seconds"] / 60 for seed in seeds]
    return words.COST.format(cpu=np.mean(cpu), wall=max(wall), minutes=sum(cpu))


def main() -> int:
    """Write the page, or say whether it is that of the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.science.page", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    given = parser.parse_args()
    files = page(json.loads(given.results.read_text(encoding="utf-8")))
    if given.check:
        return int(any((ROOT / path).read_text(encoding="utf-8") != text for path, text in files.items()))
    for path, text in files.items():
        (ROOT / path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
