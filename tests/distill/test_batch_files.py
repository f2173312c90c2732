"""Batches: what is missing goes out, answers come back in any order, and nothing is kept twice."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from octomed.distill import batch_files
from octomed.distill.batch_files import export_batch, import_batch
from octomed.distill.recipe import load_distill_recipe
from octomed.distill.run import distill
from octomed.errors import DataError, RecipeError

from tests.distill.conftest import questions, recipe_of, samples_in, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.distill.recipe import DistillRecipe

    from tests.distill.conftest import FakeTeacher


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_rows(tmp_path / "questions.jsonl", questions(6))
    recipe_of(tmp_path, "http://127.0.0.1:9/v1")
    return tmp_path


def loaded(folder: Path, *overrides: str) -> DistillRecipe:
    return load_distill_recipe(folder / "distill.yaml", overrides)


def requests_in(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.glob("requests-*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """Return what a service makes of a request."""
    if "params" in request:
        content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "The answer is (A)."}]
        message = {
            "content": content,
            "stop_reason": "end_turn",
            "model": "m",
            "usage": {"input_tokens": 3, "output_tokens": 5},
        }
        return {"custom_id": request["custom_id"], "result": {"type": "succeeded", "message": message}}
    choices = [
        {"index": place, "message": {"content": f"The answer is (A). {place}"}, "finish_reason": "stop"}
        for place in range(request["body"].get("n", 1))
    ]
    body = {"choices": choices, "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    return {
        "id": "x",
        "custom_id": request["custom_id"],
        "response": {"status_code": 200, "body": body},
        "error": None,
    }


def written(path: Path, answers: list[dict[str, Any]]) -> Path:
    return write_rows(path, answers)


@pytest.mark.parametrize("api", ["openai", "anthropic"])
@pytest.mark.parametrize("several", [False, True])
def test_what_goes_out_comes_back(folder: Path, api: str, *, several: bool) -> None:
    if api == "anthropic" and several:
        return
    words = [
        f"teacher.api={api}",
        f"teacher.several={str(several).lower()}",
        "teacher.parameters.max_tokens=9",
    ]
    recipe = loaded(folder, *words)
    exported = export_batch(recipe, folder / "requests")
    assert (exported.samples, exported.requests) == (24, 6 if several else 24)
    answers = [answered(one) for one in requests_in(folder / "requests")]
    random.Random(1).shuffle(answers)
    counts = import_batch(recipe, [written(folder / "out.jsonl", answers)])
    assert counts.samples == 24
    assert len({(one["key"], one["sample"]) for one in samples_in(folder)}) == 24
    again = import_batch(recipe, [folder / "out.jsonl"])
    assert (again.samples, again.had) == (0, 24)
    assert export_batch(recipe, folder / "more").requests == 0


def test_errors_and_expired_batches(folder: Path) -> None:
    recipe = loaded(folder)
    export_batch(recipe, folder / "requests")
    answers = [answered(one) for one in requests_in(folder / "requests")]
    failed = [
        {"custom_id": one["custom_id"], "response": {"status_code": 500, "body": {}}, "error": None}
        for one in answers[:5]
    ]
    expired = [
        {"custom_id": one["custom_id"], "response": None, "error": {"code": "batch_expired"}}
        for one in answers[5:9]
    ]
    files = [
        written(folder / "errors.jsonl", failed + expired),
        written(folder / "out.jsonl", answers[4:5] + answers[9:]),
    ]
    counts = import_batch(recipe, files)
    assert counts.samples == 16
    assert counts.failed == {"batch": 8}
    rest = export_batch(recipe, folder / "more")
    assert rest.samples == 8


def test_what_was_asked_elsewhere_is_not_exported(folder: Path, teacher: FakeTeacher) -> None:
    recipe_of(folder, teacher.endpoint)
    distill(loaded(folder, "samples=3"))
    assert export_batch(loaded(folder), folder / "requests").samples == 6


def test_files_are_split_by_the_limits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(batch_files._LIMITS, "openai", (10, 10**9))
    assert len(export_batch(loaded(folder), folder / "one").files) == 3
    monkeypatch.setitem(batch_files._LIMITS, "openai", (10**9, 1000))
    exported = export_batch(loaded(folder), folder / "two")
    assert all((folder / "two" / name).stat().st_size <= 1000 for name in exported.files)
    assert len(requests_in(folder / "two")) == 24


def test_answers_of_others_and_files_that_are_none(folder: Path) -> None:
    recipe = loaded(folder)
    export_batch(recipe, folder / "requests")
    answers = [answered(one) for one in requests_in(folder / "requests")]
    foreign = {**answers[0], "custom_id": f"{'0' * 32}-0-1"}
    counts = import_batch(recipe, [written(folder / "out.jsonl", [*answers, foreign])])
    assert counts.samples == 24
    assert any("requests that this recipe does not make" in note for note in counts.notes)
    with pytest.raises(DataError, match=r"line 1 of .* is no answer"):
        import_batch(recipe, [written(folder / "other.jsonl", [{"question": "What?"}])])
    with pytest.raises(RecipeError, match="holds requests of an earlier export"):
        export_batch(recipe, folder / "requests")
