"""`python -m bench.images.compare`: packing images, octomed beside its peers, results as JSON.

Every contestant runs in a process of its own, in rotated order, once a round; an untimed run before says how
often the output holds the images, which the floor needs. Contestants that are not installed are skipped, and
the result says why.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.compare import machine
from bench.compare.__main__ import contend, medians
from bench.compare.contests import Entry
from bench.images import contests
from bench.images.contests import GROUPS, Place

RESULTS = Path(__file__).parents[1] / "results"
WARM_IMAGES = 8
TEXT_SHARE = 0.54
"""Share of the paper's traces that show no image."""
PACKAGES = ("torch", "torchvision", "pillow", "llamafactory", "ms-swift")


def copied(place: Place, corpus: Path) -> dict[int, int]:
    """Bytes of images in the output, for each number of traces an image; the untimed run of octomed."""
    return {
        group: contests.octomed(place, "untimed", corpus, verify="header", traces_per_image=group)
        .run()
        .figures["copied_bytes"]
        for group in GROUPS
    }


def timed(name: str, entries: list[Entry], rounds: int) -> dict[str, Any]:
    """Runs entries, and gives medians and every run."""
    runs = contend(name, entries, rounds)
    return {
        one: {"median": medians(made), "runs": [run.plain() for run in made]} for one, made in runs.items()
    }


def agree(place: Place) -> dict[str, int]:
    """Tokens that each contestant makes of a small corpus: nobody wins by doing less.

    LLaMA-Factory and ms-swift have rules of their own for the size of an image and for the end of a turn.
    """
    corpus = place.corpus(WARM_IMAGES)
    entries = [contests.octomed(place, "octomed", corpus), *contests.slow(place, corpus)]
    if contests.missing("assembled") is None:
        entries += contests.assembled(place, corpus)
    made = contend("warm-up", entries, 1)
    tokens = {name: int(runs[0].figures["tokens"]) for name, runs in made.items()}
    if len({tokens[name] for name in tokens.keys() - {"llama_factory", "ms_swift"}}) > 1:
        raise SystemExit(f"not the same work: tokens {tokens}")
    return tokens


def hold(place: Place, rounds: int) -> dict[str, Any]:
    """All contests."""
    found: dict[str, Any] = {"tokens": agree(place)}
    for name, corpus in (
        ("images", place.corpus(place.images)),
        ("mixed", place.corpus(place.images // 2, TEXT_SHARE)),
    ):
        entries = [*contests.ours(place, corpus), *contests.bounds(place, corpus, copied(place, corpus))]
        if contests.missing("assembled") is None:
            entries += contests.assembled(place, corpus)[name == "mixed" :]
        if name == "images":
            entries.append(contests.octomed(place, "octomed resized", corpus, store="resized"))
        found[name] = timed(name, entries, rounds)
        found[name]["corpus"] = json.loads((corpus / "corpus.json").read_text())
    few = place.corpus(place.few)
    entries = [*contests.slow(place, few), contests.octomed(place, "octomed few", few)]
    found["processors"] = timed("processors", entries, 1)
    folder = place.corpus(place.few, form="jsonl")
    found["folder"] = timed("folder", [contests.octomed(place, "octomed folder", folder)], rounds)
    return found


def main() -> None:
    """Reads the command line, holds the contests, writes one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.images.compare", description=__doc__)
    parser.add_argument("--images", type=int, default=480, help="distinct images")
    parser.add_argument("--few", type=int, default=30, help="images of contestants that map rows in Python")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contestant; medians are reported")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "octomed-bench-images")
    parser.add_argument("--out", type=Path, default=RESULTS / "images.json", help="result file")
    given = parser.parse_args()
    given.scratch.mkdir(parents=True, exist_ok=True)
    place = Place(given.scratch, given.images, given.few)
    about = machine.describe()
    about["versions"] |= {package: machine.version(package) for package in PACKAGES}
    found = hold(place, given.rounds)
    skipped = {one: why for one in contests.NEEDS if (why := contests.missing(one))}
    result = {"machine": about | {"load_after": round(os.getloadavg()[0], 2)}, "rounds": given.rounds,
              "skipped": skipped, "contests": found}  # fmt: skip
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
