"""Two evaluations beside each other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from octomed.errors import DataError, RecipeError
from octomed.evaluate import evaluate
from octomed.evaluate.comparison import compare

from tests.distill.conftest import questions, write_rows
from tests.evaluate.conftest import recipe_values

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher


@pytest.fixture
def both(tmp_path: Path, model: FakeTeacher) -> Path:
    """Evaluations of two models, of which the second is always right."""
    write_rows(tmp_path / "questions.jsonl", questions(24))
    for name, right in (("first", 0.4), ("second", 1.0)):
        model.set(right=right)
        served = {"endpoint": model.endpoint, "name": name}
        values = recipe_values("", model=served, name=name, output={"path": name})
        values["benchmarks"][0]["vote"] = 4
        evaluate(values, folder=tmp_path)
    return tmp_path


def test_what_differs_is_found(both: Path) -> None:
    found = compare(both / "first", both / "second")
    mean, vote = found.differences
    assert (mean.name, mean.questions, mean.second) == ("choices", 24, 1.0)
    assert mean.low > 0
    assert mean.p_value <= mean.p_holm < 0.01
    assert (mean.test, vote.test) == ("sign flips", "McNemar")
    assert vote.name == "choices, vote"
    assert any("McNemar" in line for line in found.lines())


def test_the_same_twice_differs_by_nothing(both: Path) -> None:
    for one in compare(both / "first", both / "first").differences:
        assert (one.first, one.low, one.high, one.p_value) == (one.second, 0.0, 0.0, 1.0)


def test_questions_are_paired_by_what_they_ask(both: Path, model: FakeTeacher) -> None:
    rows = questions(25)[::-1][:-2]  # another order, one more, two fewer
    write_rows(both / "questions.jsonl", rows)
    values = recipe_values(model.endpoint, output={"path": "third"}, system="Another prompt.", seeds=1)
    evaluate(values, folder=both)
    found = compare(both / "first", both / "third")
    assert [(one.questions, one.only_first, one.only_second) for one in found.differences] == [(22, 2, 1)]
    assert "`choices`: 3 questions are in one of both alone, and not compared" in found.notes
    assert "`seeds` differs: 3 and 1" in found.notes


def test_what_is_no_evaluation(both: Path) -> None:
    with pytest.raises(RecipeError, match="holds no finished evaluation"):
        compare(both, both / "second")
    (both / "first" / "questions.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="is damaged"):
        compare(both / "first", both / "second")
    values = json.loads((both / "second" / "results.json").read_text())
    (both / "second" / "results.json").write_text(json.dumps({**values, "format": 99}))
    with pytest.raises(RecipeError, match="newer version"):
        compare(both / "second", both / "second")


def test_a_comparison_writes_no_questions(tmp_path: Path) -> None:
    words = ["evaluate", "--compare", "a", "b", "--export", "lm-eval", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "octomed", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "`--compare` reads results" in done.stderr
