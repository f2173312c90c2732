"""The packed run that a model was trained on decides how it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from octomed.errors import RecipeError
from octomed.evaluate import evaluate, load_evaluation_recipe
from octomed.pipeline.api import pack

from tests.distill.conftest import questions, write_rows
from tests.evaluate.conftest import FORMAT, recipe_values

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher

LAYOUT = "Q: {{ question }}{% for option in labelled_options %}{{ '\\n' ~ option }}{% endfor %}"


def packed(folder: Path, *, against: list[str] | None = None, **keys: Any) -> Path:
    """Pack a few traces whose run says how questions are asked."""
    rows = [
        {**row, "question": f"Other: {row['question']}", "response": "<think>So.</think> (A)"}
        for row in questions(4)
    ]
    write_rows(folder / "traces.jsonl", rows)
    recipe: dict[str, Any] = {
        "name": "trained",
        "model": "Qwen/Qwen2.5-7B-Instruct",
        "system": "Be careful.",
        "prompt": LAYOUT,
        "sources": [{"name": "traces", "path": "traces.jsonl", "format": {**FORMAT, "response": "response"}}],
        "curate": {"accept": {"answer": "present", "format": ["think"]}},
        "pack": {"capacity": 512, "buckets": []},
        "output": {"path": "run"},
        **keys,
    }
    if against:
        recipe["curate"]["decontaminate"] = {"against": against, "ngram": 16}
    (folder / "pack.yaml").write_text(json.dumps(recipe))
    pack(folder / "pack.yaml")
    return folder / "run"


def run(folder: Path, model: FakeTeacher, **changes: Any) -> Any:
    return evaluate(recipe_values(model.endpoint, trained="run", **changes), folder=folder)


def test_questions_are_asked_as_the_run_rendered_them(folder: Path, model: FakeTeacher) -> None:
    packed(folder)
    turns = run(folder, model, seeds=1).rendered["turns"]
    assert turns[0] == {"role": "system", "text": "Be careful."}
    assert turns[1]["text"].startswith("Q: What is it, number 0?\nA. the right thing 0-0\nB. ")


def test_another_prompt_is_refused_unless_it_is_the_recipes_own(folder: Path, model: FakeTeacher) -> None:
    packed(folder)
    with pytest.raises(RecipeError, match="`system` is what the packed run of `trained` says") as found:
        run(folder, model, system="Be quick.")
    assert "prompt: own" in str(found.value.hint)
    results = run(folder, model, system="Be quick.", prompt="own", seeds=1)
    assert results.rendered["turns"][0]["text"] == "Be quick."
    assert any("prompt of the recipe's own" in note for note in results.notes)


def test_a_run_that_was_not_kept_clean_is_named_first(folder: Path, model: FakeTeacher) -> None:
    packed(folder)
    results = run(folder, model, seeds=1)
    assert results.notes[0] == "the training run compared its questions with no evaluation set"
    assert (
        "compared its questions with no evaluation set" in (folder / "out" / "report.html").read_text()[:9000]
    )


def test_a_run_that_was_kept_clean_of_these_very_files_says_nothing(folder: Path, model: FakeTeacher) -> None:
    packed(folder, against=["questions.jsonl"])
    assert run(folder, model, seeds=1).notes == ()
    with (folder / "questions.jsonl").open("a") as file:
        file.write(json.dumps(questions(9)[8]) + "\n")
    said = "the training run was decontaminated against none of the 1 files of `choices`"
    assert run(folder, model, seeds=1).notes == (said,)


def test_image_limits_and_forms_are_the_runs(folder: Path) -> None:
    packed(folder, images={"max_pixels": 50176})
    recipe = load_evaluation_recipe(recipe_values("http://127.0.0.1:9/v1", trained="run"), folder=folder)
    assert recipe.asked.images.max_pixels == 50176
    assert recipe.asked.images.store == "resized"
    accept = recipe.asked.sources[0].curate.accept
    assert (accept.answer, accept.match, accept.format) == ("match", "options", ("think",))


def test_a_right_answer_of_another_form_is_right_and_counted(folder: Path, model: FakeTeacher) -> None:
    packed(folder)
    model.set(right=1.0, words=0)  # no reasoning at all
    results = run(folder, model, seeds=1)
    (found,) = results.benchmarks
    assert found.accuracy.value == 1.0
    assert found.in_form == 0.0


def test_what_is_no_packed_run(folder: Path, model: FakeTeacher) -> None:
    (folder / "run").mkdir()
    with pytest.raises(RecipeError, match="is no packed run"):
        run(folder, model)
