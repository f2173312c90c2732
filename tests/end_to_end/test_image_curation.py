"""Curation of rows with pictures: thresholds as a selection, and questions that are not parted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from . import runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
FORMAT = {
    "question": "question",
    "options": "options",
    "answer": "answer",
    "responses": "responses",
    "images": {"any_of": ["images"], "optional": True},
    "image_root": "images",
}
RIGHT, WRONG = "The answer is A.", "The answer is B."


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    (tmp_path / "images").mkdir()
    return tmp_path


def save(folder: Path, name: str, seed: int) -> str:
    """Save a picture; of one seed and two endings the pixels are the same and the bytes are not."""
    pixels = np.random.default_rng(seed).integers(0, 256, (56, 60, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "images" / name)
    return name


def row(number: int, images: Iterable[str], *responses: str, **columns: Any) -> dict[str, Any]:
    return {
        "question": f"What does number {number} show?",
        "options": ["this", "that"],
        "answer": "A",
        "responses": list(responses),
        "images": list(images),
        **columns,
    }


def packed(folder: Path, rows: list[dict[str, Any]] | None = None, out: str = "out", **keys: Any) -> Any:
    if rows is not None:
        runs.write_lines(folder / "rows.jsonl", rows)
    values = runs.one_source("rows.jsonl", FORMAT) | {"template": "qwen2.5-vl", **keys}
    values["output"] = {**values["output"], "path": out}
    summary = runs.pack(runs.write_recipe(folder, values))
    assert octomed.verify(folder / out).findings == ()
    return summary


def sides(folder: Path, out: str = "out") -> dict[int, bool]:
    """Whether each row that is packed is for validation."""
    tables = [pq.ParquetFile(path).read() for path in sorted((folder / out / "provenance").glob("*.parquet"))]
    return {one["row"]: one["stream"] == "validation" for one in pa.concat_tables(tables).to_pylist()}


def test_stricter_thresholds_over_pictures_give_what_a_fresh_scan_gives(folder):
    """A picture that only rejected traces show is neither stored nor counted, however they were rejected."""
    long = "word " * 40 + RIGHT
    rows = [
        row(number, [save(folder, f"{number}.png", number), *(["0.png"] if number % 3 else [])], *said)
        for number, said in enumerate([(RIGHT, long), (long,), (long, RIGHT + " Yes."), (RIGHT,)] * 4)
    ]
    strict = {"length": {"response_words": [1, 20]}}
    shared = {"validation": {"share": 0.3}}
    packed(folder, rows, "alone", curate=strict, work={"path": "store-alone"}, **shared)
    wide = packed(folder, None, "wide", curate={"length": {"response_words": [1, 60]}}, **shared)
    beside = packed(folder, None, "beside", curate=strict, **shared)
    assert (beside.blocks_scanned, beside.blocks_reused) == (0, wide.blocks_scanned)
    contents = [runs.contents(folder / name) for name in ("alone", "beside")]
    for one in contents:
        one.pop("octomed.json")  # it names output and store
    assert contents[0] == contents[1]
    assert beside.images < wide.images


@pytest.mark.parametrize("kinds", [("png", "png"), ("png", "bmp")])
def test_questions_about_one_picture_are_on_one_side(folder, kinds):
    """Pairs of questions about a picture of equal bytes, or of equal pixels in files of two kinds."""
    rows = [
        row(2 * number + side, [save(folder, f"{number}-{side}.{kind}", number)], RIGHT)
        for number in range(24)
        for side, kind in enumerate(kinds)
    ]
    packed(folder, rows, validation={"share": 0.4})
    found = sides(folder)
    assert len(found) == 48
    assert all(found[2 * number] == found[2 * number + 1] for number in range(24))
    assert 0 < sum(found.values()) < 48


def test_rows_of_a_patient_and_their_pictures_are_on_one_side(folder):
    """A patient's rows, and another's that show one of the same pictures."""
    rows = []
    for number in range(24):
        mine, other = (save(folder, f"{number}-{side}.png", 100 * side + number) for side in range(2))
        rows += [
            row(3 * number, [mine], RIGHT, patient=f"p{number}"),
            row(3 * number + 1, [other], RIGHT, patient=f"p{number}"),
            row(3 * number + 2, [other], RIGHT, patient=f"q{number}"),
        ]
    packed(folder, rows, validation={"share": 0.4, "group": "patient"})
    found = sides(folder)
    assert all(len({found[3 * number + place] for place in range(3)}) == 1 for number in range(24))
    assert 0 < sum(found.values()) < 72


def test_what_a_rejected_question_shows_keeps_others_together(folder):
    """Of three questions the second shows the pictures of both others, and has no accepted trace."""
    rows = []
    for number in range(24):
        first, last = (save(folder, f"{number}-{side}.png", 100 * side + number) for side in range(2))
        rows += [
            row(3 * number, [first], RIGHT),
            row(3 * number + 1, [first, last], WRONG),
            row(3 * number + 2, [last], RIGHT),
        ]
    validation = {"share": 0.4}
    packed(folder, rows, "all", validation=validation)
    everything = sides(folder, "all")
    packed(folder, None, "right", validation=validation, curate={"accept": {"answer": "match"}})
    found = sides(folder, "right")
    assert sorted(found) == [number for number in range(72) if number % 3 != 1]
    assert all(found[3 * number] == found[3 * number + 2] for number in range(24))
    assert found == {number: side for number, side in everything.items() if number % 3 != 1}
    shutil.rmtree(folder / "right")
    halves = packed(folder, None, "right", mix={"g": 0.5}, sources=[
        {"name": "only", "path": "rows.jsonl", "format": FORMAT, "group": "g"}
    ], curate={"accept": {"answer": "match"}})  # fmt: skip
    assert 0 < halves.train < 48
    kept = set(sides(folder, "right"))
    assert all((3 * number in kept) == (3 * number + 2 in kept) for number in range(24))
