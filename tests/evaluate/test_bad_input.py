"""What goes wrong in an evaluation, and what is said of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from octomed.errors import DataError, RecipeError, StorageError
from octomed.evaluate import evaluate, load_evaluation_recipe

from tests.distill.conftest import questions, write_rows
from tests.evaluate.conftest import FORMAT, answers_in, recipe_values

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher


def run(folder: Path, endpoint: str, **changes: Any) -> Any:
    return evaluate(recipe_values(endpoint, **changes), folder=folder)


def test_an_endpoint_that_is_down(folder: Path) -> None:
    values = {"endpoint": "http://127.0.0.1:9/v1", "name": "fake", "attempts": 1}
    with pytest.raises(StorageError, match="no answer 20 times in a row, last: unreachable"):
        run(folder, "", model=values)
    assert not (folder / "out" / "results.json").exists()


def test_some_answers_that_do_not_come_are_no_results(folder: Path, model: FakeTeacher) -> None:
    model.set(rate=0.5, kinds=["server"], seed=3)
    values = {"endpoint": model.endpoint, "name": "fake", "attempts": 1}
    with pytest.raises(StorageError, match="answers did not come, last: server_error"):
        run(folder, "", model=values)
    kept = len(answers_in(folder))
    assert 0 < kept < 24
    assert not (folder / "out" / "results.json").exists()
    model.set(rate=0.0)
    model.forget()
    assert sum(run(folder, "", model=values).benchmarks[0].states.values()) == 24
    assert model.counts()["requests"] == 24 - kept


def test_a_model_that_is_not_there(folder: Path, model: FakeTeacher) -> None:
    model.set(model="another")
    with pytest.raises(RecipeError, match="does not answer for `fake`") as found:
        run(folder, model.endpoint)
    assert "`model.name`" in str(found.value.hint)
    assert "teacher" not in str(found.value.hint)


def test_a_server_that_answers_as_another_model_is_named(folder: Path, model: FakeTeacher) -> None:
    results = run(folder, model.endpoint)
    assert not any("says that" in note for note in results.notes)
    lines = answers_in(folder)
    for line in lines:
        line["model"] = "other-7b"
    (folder / "out" / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = run(folder, model.endpoint)
    assert "the endpoint was asked for `fake` and says that `other-7b` answered" in results.notes


def test_html_is_no_answer(folder: Path, model: FakeTeacher) -> None:
    model.set(rate=1.0, kinds=["html"])
    with pytest.raises(StorageError, match="no_reply: the reply is no JSON: <html>"):
        run(folder, model.endpoint)


def test_a_key_that_expires_ends_it_and_what_came_is_kept(
    folder: Path, model: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALUATED_KEY", "good")
    model.set(key="good", delay=0.02)
    values = {"endpoint": model.endpoint, "name": "fake", "key": "EVALUATED_KEY", "concurrency": 1}
    came = 0

    def tell(progress: Any) -> None:
        nonlocal came
        came = progress.answered
        if came:
            model.set(key="new")

    with pytest.raises(RecipeError, match="refuses the key") as found:
        evaluate(recipe_values("", model=values, seeds=12), folder=folder, tell=tell)
    assert "EVALUATED_KEY" in str(found.value.hint)
    assert "good" not in str(found.value)
    kept = len(answers_in(folder))
    assert 0 < kept < 96
    monkeypatch.setenv("EVALUATED_KEY", "new")
    model.set(delay=0.0)
    model.forget()
    evaluate(recipe_values("", model=values, seeds=12), folder=folder)
    assert model.counts()["samples"] == 96 - kept


def test_a_set_without_right_answers(tmp_path: Path, model: FakeTeacher) -> None:
    write_rows(tmp_path / "questions.jsonl", questions(4, gold=False))
    with pytest.raises(DataError, match=r"no row of benchmark `choices` can be asked: `missing|`no_gold` 4"):
        run(tmp_path, model.endpoint)
    assert model.counts()["requests"] == 0


def test_some_rows_without_a_right_answer_are_named(tmp_path: Path, model: FakeTeacher) -> None:
    rows = questions(4)
    rows[1]["answer"] = None
    rows[2]["answer"] = "Z"
    write_rows(tmp_path / "questions.jsonl", rows)
    results = run(tmp_path, model.endpoint)
    assert results.benchmarks[0].questions == 2
    assert results.benchmarks[0].refused_rows == {"no_gold": 1, "gold_fault": 1}
    assert any("2 rows could not be asked" in note for note in results.notes)


def test_an_empty_set(tmp_path: Path, model: FakeTeacher) -> None:
    (tmp_path / "questions.jsonl").write_text("\n")
    with pytest.raises(DataError, match="`choices` is empty"):
        run(tmp_path, model.endpoint)
    assert model.counts()["requests"] == 0


def test_requests_that_the_endpoint_refuses_count_as_wrong(tmp_path: Path, model: FakeTeacher) -> None:
    rows = questions(4)
    rows[0]["question"] = "Of this image: what is it?"  # the fake model refuses what speaks of images
    write_rows(tmp_path / "questions.jsonl", rows)
    model.set(refuses_images=True, right=1.0)
    results = run(tmp_path, model.endpoint)
    (found,) = results.benchmarks
    assert found.states == {"refused": 3, "right": 9}
    assert found.accuracy.value == 0.75
    assert any("refused 3 requests, which count as wrong" in note for note in results.notes)
    model.forget()
    run(tmp_path, model.endpoint)
    assert model.counts()["requests"] == 0


def test_answers_in_no_known_form(folder: Path, model: FakeTeacher) -> None:
    run(folder, model.endpoint)
    lines = answers_in(folder)
    for line in lines:
        line["response"] = "Hard to say, see a doctor."
    (folder / "out" / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = run(folder, model.endpoint)
    assert results.benchmarks[0].states == {"no_answer": 24}
    assert results.benchmarks[0].accuracy.value == 0.0
    assert results.benchmarks[0].accuracy.high > 0.2  # eight questions prove no nought
    assert any("100 % of answers are in no form that is known" in note for note in results.notes)


def test_cut_answers_stay_in_the_denominator(folder: Path, model: FakeTeacher) -> None:
    model.set(cut=1.0)
    results = run(folder, model.endpoint)
    assert results.benchmarks[0].states == {"cut": 24}
    assert results.benchmarks[0].accuracy.value == 0.0


def test_a_clock_that_jumps_changes_nothing(
    folder: Path, model: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, jumps = time.time, iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: now() + (-1) ** next(jumps) * 86_400 * 365)
    results = run(folder, model.endpoint)
    assert sum(results.benchmarks[0].states.values()) == 24
    assert all(0 <= line["seconds"] < 60 for line in answers_in(folder))


def test_seeds_that_a_server_does_not_honour_are_in_doubt(folder: Path, model: FakeTeacher) -> None:
    run(folder, model.endpoint)
    lines = answers_in(folder)
    first = {line["key"]: line for line in lines if line["sample"] == 0}
    lines = [{**first[line["key"]], "sample": line["sample"]} for line in lines]
    (folder / "out" / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = run(folder, model.endpoint)
    assert any("100 % of questions have one text for all seeds" in note for note in results.notes)


def test_a_damaged_line_is_named(folder: Path, model: FakeTeacher) -> None:
    run(folder, model.endpoint)
    path = folder / "out" / "answers.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b"{no json}\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(StorageError, match=r"line 4 of .* is damaged"):
        run(folder, model.endpoint)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"name": "x"}}, "behind an endpoint or in a folder"),
        ({"model": {"endpoint": "http://a/v1"}}, "an endpoint's model has a `name`"),
        (
            {"model": {"endpoint": "http://a/v1", "name": "x", "dtype": "float32"}},
            "`dtype` is of a model in a folder",
        ),
        (
            {"model": {"endpoint": "http://a/v1", "name": "x", "parameters": {"seed": 1}}},
            "`seed` is no parameter",
        ),
        ({"generation": {"max_tokens": 10, "thinking_tokens": 10}}, "leave none of 10 to answer"),
        ({"generation": {"thinking_parameter": "x"}}, "`thinking_parameter` sends `thinking_tokens`"),
        ({"seeds": 0}, "at least 1"),
        ({"benchmarks": []}, "must not be empty"),
        ({"benchmarks": [{"name": "a", "path": "nothing.jsonl", "format": FORMAT}]}, "nothing.jsonl"),
        ({"benchmarks": [{"name": "a", "path": "questions.jsonl", "formt": FORMAT}]}, "unknown key `formt`"),
        ({"benchmarks": [{"name": "a", "path": "questions.jsonl", "curate": {}}]}, "asks every question"),
        ({"harness": "inspect", "model": {"path": "."}}, "inspect asks endpoints"),
    ],
)
def test_recipes_that_say_what_cannot_be(folder: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_evaluation_recipe(recipe_values("http://127.0.0.1:9/v1", **changes), folder=folder)


def test_two_benchmarks_of_one_name(folder: Path) -> None:
    one = {"name": "a", "path": "questions.jsonl", "format": FORMAT}
    with pytest.raises(RecipeError, match="two benchmarks are named `a`"):
        load_evaluation_recipe(recipe_values("http://127.0.0.1:9/v1", benchmarks=[one, one]), folder=folder)
