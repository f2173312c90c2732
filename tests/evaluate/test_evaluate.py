"""Whole evaluations against a fake model: what is asked, what is kept, what is found."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from octomed.evaluate import evaluate

from tests.distill.conftest import questions, write_rows
from tests.evaluate.conftest import FORMAT, answers_in, recipe_values

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher


def run(folder: Path, model: FakeTeacher, *overrides: str, **changes: Any) -> Any:
    return evaluate(recipe_values(model.endpoint, **changes), overrides, folder=folder)


def test_every_question_is_asked_with_seeds_of_its_own(folder: Path, model: FakeTeacher) -> None:
    results = run(folder, model)
    lines = answers_in(folder)
    assert Counter((line["key"], line["sample"]) for line in lines).most_common(1)[0][1] == 1
    assert len(lines) == 24
    assert (
        len({line["reasoning"] for line in lines}) == 24
    )  # the fake model's words follow from seed and question
    (found,) = results.benchmarks
    assert (found.questions, found.seeds) == (8, 3)
    assert found.accuracy.value == pytest.approx(np.mean(found.by_seed))
    assert found.states["right"] / 24 == pytest.approx(found.accuracy.value)
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert found.tokens == pytest.approx(np.mean([line["tokens"] for line in lines]))


def test_seeds_differ_between_questions_and_samples_and_stay_the_same(
    folder: Path, model: FakeTeacher
) -> None:
    run(folder, model)
    first = {(line["key"], line["sample"]): line["reasoning"] for line in answers_in(folder)}
    run(folder, model, output={"path": "other"})
    again = (folder / "other" / "answers.jsonl").read_text().splitlines()
    assert first == {(one["key"], one["sample"]): one["reasoning"] for one in map(json.loads, again)}


def test_nothing_is_asked_twice(folder: Path, model: FakeTeacher) -> None:
    first = run(folder, model)
    asked = model.counts()["requests"]
    assert run(folder, model).values() == first.values()
    assert model.counts()["requests"] == asked
    run(folder, model, seeds=5)
    assert model.counts()["requests"] == asked + 2 * 8


def test_a_vote_is_of_all_its_samples_and_the_mean_of_the_seeds_alone(
    folder: Path, model: FakeTeacher
) -> None:
    benchmark = {"name": "choices", "path": "questions.jsonl", "format": FORMAT, "vote": 10}
    results = run(folder, model, benchmarks=[benchmark])
    (found,) = results.benchmarks
    assert len(answers_in(folder)) == 80
    assert (found.seeds, found.vote_of) == (3, 10)
    assert sum(found.states.values()) == 24
    assert found.vote.value >= found.accuracy.value  # seven of ten are right
    assert results.groups == {}


def test_images_go_along_the_first_ones_at_most_as_large_as_in_training(
    tmp_path: Path, model: FakeTeacher
) -> None:
    from PIL import Image

    rows = questions(2)
    for place, row in enumerate(rows):
        row["question"] = "<image>" * (3 + place) + row["question"]
        row["images"] = []
        for number in range(3 + place):
            held = io.BytesIO()
            Image.new("RGB", (1200, 900), (10 * number, 99, 200)).save(held, "PNG")
            row["images"].append({"bytes": base64.b64encode(held.getvalue()).decode()})
    write_rows(tmp_path / "questions.jsonl", rows)
    benchmark = {"name": "seen", "path": "questions.jsonl", "format": {**FORMAT, "images": "images"}}
    results = run(tmp_path, model, benchmarks=[benchmark], pictures=2, seeds=1)
    assert results.benchmarks[0].images_cut == (3, 2)
    assert any("3 images of 2 questions were not shown" in note for note in results.notes)
    from octomed.evaluate.questions import Benchmarks
    from octomed.evaluate.recipe import load_evaluation_recipe

    values = recipe_values(model.endpoint, benchmarks=[benchmark], pictures=2)
    items = list(Benchmarks(load_evaluation_recipe(values, folder=tmp_path), {}))
    for item in items:
        assert [part for _, parts in item.turns for part in parts if isinstance(part, int)] == [0, 1]
        for image in item.images:
            with Image.open(io.BytesIO(image)) as opened:
                assert 200_000 < opened.width * opened.height <= 262_144


def test_a_suffix_stands_behind_the_question(folder: Path, model: FakeTeacher) -> None:
    benchmark = {"name": "choices", "path": "questions.jsonl", "format": FORMAT, "suffix": "Answer shortly."}
    results = run(folder, model, benchmarks=[benchmark], seeds=1)
    assert results.rendered["turns"][-1]["text"].endswith("\nAnswer shortly.")


def test_a_limit_asks_the_first_questions(folder: Path, model: FakeTeacher) -> None:
    benchmark = {"name": "choices", "path": "questions.jsonl", "format": FORMAT, "limit": 3}
    results = run(folder, model, benchmarks=[benchmark])
    assert [one.asked.row for one in results.questions] == [0, 1, 2]


def test_a_kill_loses_what_was_under_way_and_nothing_is_asked_again(folder: Path, model: FakeTeacher) -> None:
    model.set(delay=0.05)
    values = recipe_values(model.endpoint, seeds=12)
    values["model"]["concurrency"] = 4
    (folder / "recipe.yaml").write_text(json.dumps(values))
    command = [sys.executable, "-m", "octomed", "evaluate", "recipe.yaml"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, env={**os.environ})
    deadline = time.monotonic() + 60
    path = folder / "out" / "answers.jsonl"
    while time.monotonic() < deadline and (not path.exists() or path.read_bytes().count(b"\n") < 20):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    with path.open("ab") as file:
        file.write(b'{"key": "torn')
    kept = path.read_bytes().count(b"\n")
    assert 20 <= kept < 96
    model.set(delay=0.0)
    asked = model.counts()["requests"]
    results = evaluate(folder / "recipe.yaml")
    lines = answers_in(folder)
    assert set(Counter((line["key"], line["sample"]) for line in lines).values()) == {1}
    assert len(lines) == 96
    assert model.counts()["requests"] - asked == 96 - kept
    assert sum(results.benchmarks[0].states.values()) == 96


def test_files_of_results_hold_the_same(folder: Path, model: FakeTeacher) -> None:
    results = run(folder, model)
    values = json.loads((folder / "out" / "results.json").read_text())
    assert values == json.loads(results.json())
    assert values["format"] == 1
    assert values["protocol"]["temperature"] == 0.6
    lines = [json.loads(line) for line in (folder / "out" / "questions.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == list(range(8))
    assert all(len(line["scores"]) == len(line["tokens"]) == 3 for line in lines)
    page = (folder / "out" / "report.html").read_text()
    assert "What is it, number 0?" in page
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")
