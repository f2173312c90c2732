"""Write the figures of the last campaigns, in `bench/results`, into `docs/reliability.md`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs/reliability.md"
RESULTS = TOP / "bench/results"
KINDS = {
    "kill": "runs killed",
    "fault": "failing disks",
    "power": "power cuts",
    "flip": "flipped bits",
    "store_kill": "runs from and to a failing store, killed",
    "store_fault": "failing disks below a run from and to a failing store",
    "store_flip": "flipped bits in objects of a failing store",
}
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"


def reliability(campaign: dict[str, Any]) -> str:
    """Make a table of outcomes, and one of flipped bits by kind of file."""
    lines = [
        f"`make reliability SEED={campaign['seed']}`:",
        "",
        "| what | cases | outcomes |",
        "|---|---|---|",
    ]
    for kind, name in KINDS.items():
        outcomes = dict(campaign["summary"].get(kind, {}))
        if not outcomes:
            continue
        kills = outcomes.pop("kills", None)
        told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        also = f", {kills} kills" if kills is not None else ""
        lines.append(f"| {name} | {sum(outcomes.values())}{also} | {told} |")
    flips: dict[str, dict[str, int]] = {}
    for case in campaign["cases"]:
        kind = case.get("kind") or (f"{case['object']} at a store" if "object" in case else None)
        if kind is not None:
            counts = flips.setdefault(kind, {})
            counts[case["outcome"]] = counts.get(case["outcome"], 0) + 1
    if flips:
        lines += ["", "| a flipped bit in | outcomes |", "|---|---|"]
    for kind, counts in flips.items():
        lines.append(f"| {kind} | {', '.join(f'{count} {outcome}' for outcome, count in counts.items())} |")
    return "\n".join(lines) + "\n"


def fuzzing(results: list[dict[str, Any]]) -> str:
    """Make a table of targets."""
    lines = ["`make fuzz-campaign`:", "", "| target | seconds | runs | edges | peak MB | findings |"]
    lines += ["|---|---|---|---|---|---|"]
    for one in sorted(results, key=lambda one: (one.get("coverage") is None, one["target"])):
        edges = one.get("coverage", "–")
        figures = (one["target"], f"{one['seconds']:.0f}", f"{one['runs']:,}", edges, one["peak MB"])
        lines.append(f"| {' | '.join(map(str, figures))} | {len(one['findings'])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fill in what there is."""
    parts = []
    for name, table in (("reliability", reliability), ("reliability-stores", reliability), ("fuzz", fuzzing)):
        path = RESULTS / f"{name}.json"
        if path.exists():
            parts.append(table(json.loads(path.read_text(encoding="utf-8"))))
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: BEGIN + "\n".join(parts) + END, page), encoding="utf-8")


if __name__ == "__main__":
    main()
