"""`python -m bench.paper`: the figures of docs/octomed-8m.md, from what was measured and what the paper says.

Each table stands in the page between ``<!-- figures: NAME -->`` and ``<!-- /figures -->``, and is made of
`bench/paper.json` (the paper's numbers), `bench/results` (ours) and the recipes (prices, samples), so that no
figure there is typed by hand. `--check` writes nothing and ends with 1 where the page differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.compare.report import duration, rows_of
from ruamel.yaml import YAML

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs/octomed-8m.md"
SIZES = {"7b": "qwen2.5-vl-7b", "4b": "qwen3-vl-4b", "8b": "qwen3-vl-8b"}
"""Training recipes, and the shapes of their models."""


def stored(name: str) -> dict[str, Any]:
    """A result of `bench/results`, or the paper's numbers."""
    folder = TOP / "bench" if name == "paper" else TOP / "bench/results"
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def recipe(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load((TOP / f"recipes/{name}.yaml").read_text())
    return found


def billions(number: float) -> str:
    return f"{number / 1e9:,.1f} B"


def share_of_questions(paper: dict[str, Any], group: str) -> int:
    """Questions of text, or of images: ours, as the paper says how many there are of both alone."""
    return round(paper["questions"] * paper[f"{group}_traces"] / paper["traces"])


def distillation() -> str:
    """What the teachers are paid."""
    paper = stored("paper")
    rows = []
    for group, name in (("text", "octomed-8m-text"), ("image", "octomed-8m-multimodal")):
        values = recipe(f"distill/{name}")
        questions, samples = share_of_questions(paper, group), values["samples"]
        requests = questions * (1 if values["teacher"].get("several") else samples)
        shown = paper["question_tokens"] + (paper["image_tokens_at_most"] if group == "image" else 0)
        asked, answered = requests * shown, questions * samples * paper["reasoning_tokens"]
        price = values["teacher"]["price"]
        cost = (asked * price["input"] + answered * price["output"]) / 1e6
        cells = [
            f"{values['teacher']['model']}",
            f"{questions:,}",
            f"{requests / 1e6:,.1f} M",
            billions(asked),
        ]
        rows.append([*cells, billions(answered), f"${cost:,.0f}", f"${cost / 2:,.0f}"])
    header = [
        "teacher",
        "questions",
        "requests",
        "tokens asked",
        "answered",
        "cost",
        "in batches at half the price",
    ]
    return rows_of(header, rows)


def packing() -> str:
    """What packing takes on two cores."""
    paper, curation, whole = stored("paper"), stored("curation"), stored("full-run")["runs"][0]["figures"]
    on = [run for run in curation["runs"]["on"] if run["figures"]["traces"]]
    scan_rate = sorted(run["figures"]["traces"] / run["figures"]["stages"]["scan"] for run in on)[
        len(on) // 2
    ]
    candidates = paper["questions"] * paper["samples"]
    alone = stored("images")["contests"]["images"]
    once, eight = (alone[f"octomed decode/{number}"]["median"]["figures"] for number in (1, 8))
    shown = paper["image_traces"] / once["shown"]
    seconds = {
        "scan": candidates / scan_rate,
        "images": paper["images"] / once["images"] * (once["stages"]["scan"] - text_scan(alone)),
        "write": whole["stages"]["write"] + shown * (once["stages"]["write"] - text_write(alone)),
    }
    rows = [
        ["every sample read, compared, measured", f"{candidates:,} samples", duration(seconds["scan"])],
        ["images decoded", f"{paper['images']:,} images", duration(seconds["images"])],
        ["shards written", f"{paper['traces']:,} traces", duration(seconds["write"])],
        ["together", "", duration(sum(seconds.values()))],
    ]
    sizes = [
        ["working store, ids and index", f"{paper['traces']:,} traces", gigabytes(whole["store_mb"])],
        [
            "working store, images once",
            f"{paper['images']:,} images",
            gigabytes(paper["images"] / once["images"] * once["image_bytes"] / 1e6),
        ],
        ["shards, without images", f"{paper['traces']:,} traces", gigabytes(whole["out_mb"])],
        ["images in shards, `traces_per_image: 1`", "", gigabytes(shown * once["copied_bytes"] / 1e6)],
        ["images in shards, `traces_per_image: 8`", "", gigabytes(shown * eight["copied_bytes"] / 1e6)],
    ]
    return rows_of(["of packing, on two cores", "of", "takes"], [*rows, *sizes])


def text_scan(contest: dict[str, Any]) -> float:
    """Seconds of the same scan without images."""
    return float(contest["octomed text only"]["median"]["figures"]["stages"]["scan"])


def text_write(contest: dict[str, Any]) -> float:
    """Seconds of the same writing without images."""
    return float(contest["octomed text only"]["median"]["figures"]["stages"]["write"])


def gigabytes(megabytes: float) -> str:
    return f"{megabytes / 1000:,.0f} GB"


def epoch_tokens(paper: dict[str, Any]) -> int:
    """Tokens of all traces once, every image being as large as it may be."""
    prompts = paper["traces"] * paper["question_tokens"]
    return int(paper["response_tokens"] + prompts + paper["image_traces"] * paper["image_tokens_at_most"])


def training() -> str:
    """What training takes at the measured rate of one H200."""
    paper, measured = stored("paper"), stored("train-recompute-10")["models"]
    tokens = epoch_tokens(paper)
    rows = []
    for size, shape in SIZES.items():
        epochs = int(re.sub(r"\D", "", recipe(f"train/octomed-{size}")["max_duration"]))
        if shape in measured:
            rate = measured[shape]["ways"]["packed"]["figures"]["tokens_per_second"]
            hours = tokens * epochs / rate / 3600
            cells = [f"{rate:,.0f}", f"{hours:,.0f}", f"{hours / 8:,.0f} h", f"{hours / 64:,.0f} h"]
        else:
            cells = ["not measured"] * 4
        rows.append([f"octomed-{size}", billions(tokens * epochs), *cells])
    header = ["recipe", "tokens in 3 epochs", "tokens/s of one H200", "GPU-hours", "8 GPUs", "64 GPUs"]
    return rows_of(header, rows)


def memory() -> str:
    """What `octomed train-plan` says of each GPU."""
    os.environ |= {"OCTOMED_RUN": "s3://bucket/run", "OCTOMED_CHECKPOINTS": "s3://bucket/checkpoints"}
    from bench.train.shapes import shape
    from octomed.train.build import read_configuration
    from octomed.train.plan import Planner
    from octomed.train.plan_load import load_of
    from octomed.train.plan_values import Hardware, fits
    from octomed.train.recipe import load_train_recipe

    rows = []
    for size, name in SIZES.items():
        loaded = load_train_recipe(TOP / f"recipes/train/octomed-{size}.yaml")
        configuration = read_configuration(None, shape(name))
        for gpus in (8, 64):
            load, _ = load_of(loaded, configuration, gpus, tokens=16_384, patches=16_384)
            planned = Planner(configuration, Hardware(gpus)).plan(loaded, load)
            cells = [f"{planned.most.total / 1e9:,.0f} GB"]
            cells += ["fits" if fits(planned, memory) else "does not fit" for memory in (80e9, 141e9)]
            rows.append([f"octomed-{size}", f"{gpus}", *cells])
    return rows_of(["recipe", "GPUs", "a GPU holds", "80 GB", "141 GB"], rows)


def evaluation() -> str:
    """What is generated, where the paper says how long answers are and a set's size is published."""
    paper, values = stored("paper"), recipe("evaluate/octomed-8m")
    rows = []
    for one in values["benchmarks"]:
        questions, length = (
            paper[key].get(one["name"]) for key in ("published_questions", "generated_tokens")
        )
        samples = max(values["seeds"], one.get("vote", 0))
        total = "–" if questions is None or length is None else f"{questions * samples * length / 1e6:,.1f} M"
        cells = ["–" if number is None else f"{number:,}" for number in (questions, length)]
        rows.append([one["name"], cells[0], f"{samples}", cells[1], total])
    return rows_of(["benchmark", "questions", "samples of each", "tokens of an answer", "generated"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "distillation": distillation,
    "packing": packing,
    "training": training,
    "memory": memory,
    "evaluation": evaluation,
}


def written_anew(text: str, names: Iterable[str] = TABLES) -> str:
    """The page with some of its tables made anew; all of them by default."""
    for name in names:
        table = TABLES[name]
        begin, end = f"<!-- figures: {name} -->", "<!-- /figures -->"
        before, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise SystemExit(f"{PAGE.name} has no `{begin}` … `{end}`")
        text = f"{before}{begin}\n{table()}\n{end}{rest.split(end, 1)[1]}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where the page differs"
    )
    words = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    made = written_anew(text)
    if words.check:
        sys.exit(0 if made == text else f"{PAGE} differs: `python -m bench.paper` writes its figures anew")
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
