"""A run with one of everything that pages show, and a training over it: made in a second or two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import octomed
import pyarrow.parquet as pq
from octomed import vision
from octomed.train.facts import TrainingFacts, write_facts

SAMPLE = Path(octomed.__file__).parent / "sample"
HOSTILE = "<script>document.title = 'it ran'</script><svg onload=\"document.title = 'it ran'\">"
SECRET = "Mrs Bauer, b.bauer@example.org, has a cough"
STORY = (
    "A man of sixty walks into the clinic on a cold morning and says that his chest has been tight since he "
    "carried wood up the stairs, and that it gets better at rest. He smokes, he sleeps badly, he is afraid"
)


def response(words: str, answer: str = "Rest.") -> str:
    return f"<think>\n{words}\n</think>\n\n{answer}"


def rows() -> list[Any]:
    near = [f"{STORY}. Number {number} of it is told." for number in ("one", "two")]
    return [
        {"question": f"Is it safe? {HOSTILE}", "responses": [response(HOSTILE), response("日本語 and é.")]},
        {"question": "Fever?", "responses": [response("Look again."), response("Look again.")]},
        {"question": "What now?", "responses": [response(one) for one in near]},
        {"question": SECRET, "responses": [response("She coughs.")]},
        {"question": f"{STORY}?", "responses": [response("Angina.")]},
        *[{"question": f"Number {one}?", "responses": [response(f"It is {one}.")]} for one in range(80)],
    ]


def source(name: str, path: Path, group: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "path": str(path), "format": "octomed", "group": group, **keys}


def pictures(folder: Path) -> dict[str, Any]:
    """Write an evaluation set with a smaller copy of a film, and return how a recipe names it."""
    film = pq.read_table(SAMPLE / "images/films.parquet")["images"][0].as_py()[0]["bytes"]
    pixels = vision.decode(film)
    folder.mkdir(exist_ok=True)
    smaller = vision.resize(pixels, pixels.shape[0] - 8, pixels.shape[1] - 8)
    (folder / "copy.png").write_bytes(vision.encode(smaller, "png"))
    path = folder / "looked.jsonl"
    path.write_text(json.dumps({"question": "Which side?", "images": ["copy.png"]}), encoding="utf-8")
    form = {"question": "question", "images": "images", "image_root": str(folder)}
    return {"path": str(path), "format": form}


def pack(folder: Path, **changes: Any) -> Path:
    """Pack it, and return the folder of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows()]
    (folder / "rows.jsonl").write_text("\n".join([*lines, "{", ""]), encoding="utf-8")
    (folder / "evaluation.jsonl").write_text(
        json.dumps({"question": f"Read. {STORY}? Say why."}), encoding="utf-8"
    )
    recipe = {
        "name": "made",
        "model": str(SAMPLE / "tokenizer"),
        "template": "qwen2.5-vl",
        "sources": [
            source("rows", folder / "rows.jsonl", "text", max_unreadable=0.5),
            source("films", SAMPLE / "images/films.parquet", "images"),
        ],
        "images": {"max_pixels": 12544},
        "curate": {
            "duplicates": {"exact": True, "near": {"action": "drop", "threshold": 0.6}},
            "identifying": {"action": "report"},
            "decontaminate": {
                "against": [str(folder / "evaluation.jsonl"), pictures(folder / "pictures")],
                "ngram": 16,
                "images": "pixels",
                "near_images": "report",
            },
        },
        "pack": {"capacity": 1024, "buckets": [256], "seed": 17},
        "output": {"path": str(folder / "run"), "compression": "zstd:1"},
        "work": {"path": str(folder / "work")},
        **changes,
    }
    octomed.pack(recipe)
    return folder / "run"


def train(folder: Path, run: Path, steps: int = 6) -> Path:
    """Write what a training over the run would have left: each step learns from two traces."""
    folder.mkdir()
    ids = [
        one
        for path in sorted((run / "provenance").glob("*"))
        for one in pq.read_table(path)["trace_id"].to_pylist()
    ]
    write_facts(
        folder, TrainingFacts(data=str(run), recipe={"run_name": "made", "callbacks": {"trace_log": {}}})
    )
    metrics, traces = [], []
    for step in range(1, steps + 1):
        loss = 9.0 if step == steps // 2 else 4.0 / step
        metrics.append({"step": step, "loss/train/total": loss, "data/tokens_per_second": 100.0 + step})
        traces.append({"step": step, "trace_ids": ids[2 * step : 2 * step + 2]})
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in metrics))
    (folder / "traces-rank0.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in traces))
    return folder
