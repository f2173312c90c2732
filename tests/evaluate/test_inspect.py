"""inspect-ai as harness: the same is asked, and the same found; nothing is asked twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from octomed.errors import RecipeError
from octomed.evaluate import evaluate

from tests.evaluate.conftest import answers_in, recipe_values

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher


def test_both_harnesses_find_the_same(folder: Path, model: FakeTeacher) -> None:
    log = pytest.importorskip("inspect_ai.log")
    values = recipe_values(model.endpoint)
    values["benchmarks"][0]["vote"] = 4
    own = evaluate(values, folder=folder)
    through = evaluate({**values, "harness": "inspect", "output": {"path": "inspected"}}, folder=folder)
    assert [one.values() for one in own.questions] == [one.values() for one in through.questions]
    (path,) = (folder / "inspected" / "logs").glob("*.eval")
    read = log.read_eval_log(str(path))
    assert read.status == "success"
    scores = {one.reducer: one.metrics["mean"].value for one in read.results.scores}
    assert scores["majority_of_answers"] == pytest.approx(own.benchmarks[0].vote.value)
    asked = model.counts()["requests"]
    evaluate({**values, "harness": "inspect", "output": {"path": "inspected"}, "seeds": 5}, folder=folder)
    assert model.counts()["requests"] == asked + 8


def test_a_refused_key_ends_it(folder: Path, model: FakeTeacher) -> None:
    pytest.importorskip("inspect_ai")
    model.set(key="secret")
    with pytest.raises(RecipeError, match="refuses the key"):
        evaluate(recipe_values(model.endpoint, harness="inspect"), folder=folder)
    assert answers_in(folder) == []


def test_without_inspect_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(RecipeError, match="needs the package `inspect-ai`"):
        evaluate(recipe_values("http://127.0.0.1:9/v1", harness="inspect"), folder=folder)
    assert not json.loads((folder / "out" / "answers.jsonl").read_text() or "[]")
