"""A model in a folder answers here: prompts are those of training, and each answer follows from its seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from octomed import _octomed
from octomed.errors import RecipeError
from octomed.evaluate import evaluate, load_evaluation_recipe
from octomed.evaluate.prompts import Prompts
from octomed.evaluate.questions import Benchmarks

from tests.distill.conftest import questions, write_rows
from tests.evaluate.conftest import answers_in, recipe_values
from tests.evaluate.generation.models import text_folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_folder(tmp_path_factory.mktemp("model"), "qwen2")


def values_of(exported: Path, **changes: Any) -> dict[str, Any]:
    served = {"path": str(exported), "device": "cpu"}
    return recipe_values(
        "", model=served, template="qwen2.5", generation={"max_tokens": 12, "thinking_tokens": 6}, **changes
    )


def test_a_model_in_a_folder_answers(folder: Path, exported: Path) -> None:
    results = evaluate(values_of(exported), folder=folder)
    lines = answers_in(folder)
    assert len(lines) == 24
    assert all(1 <= line["tokens"] <= 12 and line["finish_reason"] in {"stop", "length"} for line in lines)
    assert len({line["response"] for line in lines}) > 20
    assert results.benchmarks[0].forced is not None
    assert sum(results.benchmarks[0].states.values()) == 24


def test_half_of_it_done_the_rest_is_as_it_would_have_been(folder: Path, exported: Path) -> None:
    whole = evaluate(values_of(exported), folder=folder)
    path = folder / "out" / "answers.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[::2]))
    again = evaluate(values_of(exported), folder=folder)
    assert len(answers_in(folder)) == 24
    assert [one.values() for one in again.questions] == [one.values() for one in whole.questions]


def test_prompts_are_what_packing_renders_before_the_response(tmp_path: Path, exported: Path) -> None:
    rows = [{**row, "response": "A"} for row in questions(3)]
    write_rows(tmp_path / "questions.jsonl", rows)
    recipe = load_evaluation_recipe(values_of(exported, system="Be careful."), folder=tmp_path)
    benchmarks = Benchmarks(recipe, {})
    prompts = Prompts(benchmarks.text, None)
    mapping = {"question": "question", "options": "options", "answer": "answer", "response": "response"}
    text = benchmarks.text
    scanner = _octomed.Scanner(
        _octomed.Mapping(mapping), text.template, _octomed.Prompt(), text.tokenizer, system="Be careful."
    )
    for item, row in zip(benchmarks, rows, strict=True):
        cutter = _octomed.JsonLinesCutter(0, None, by_offset=False)
        (block,) = [*cutter.feed(json.dumps(row).encode() + b"\n"), *cutter.finish()]
        ((_, _, _, ids, spans, _),) = scanner.look(block, 0)
        assert prompts.ids_of(item) == list(ids[: spans[0][0]])
        assert len(prompts.ids_of(item)) > 20


def test_another_model_in_the_folder_answers_anew(folder: Path, exported: Path, tmp_path: Path) -> None:
    evaluate(values_of(exported, seeds=1), folder=folder)
    other = text_folder(tmp_path / "other", "qwen2")
    (other / "added.json").write_text("{}")
    evaluate(values_of(other, seeds=1), folder=folder)
    assert len(answers_in(folder)) == 16


def test_a_folder_without_a_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="holds no model"):
        evaluate(values_of(tmp_path), folder=folder)
