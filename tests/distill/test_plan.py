"""What a plan says is what a run then does, as far as it can be known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from octomed.distill.plan import plan_of
from octomed.distill.recipe import load_distill_recipe
from octomed.distill.run import distill

from tests.distill.conftest import questions, recipe_of, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.distill.recipe import DistillRecipe

    from tests.distill.conftest import FakeTeacher


@pytest.fixture
def folder(tmp_path: Path, teacher: FakeTeacher) -> Path:
    write_rows(tmp_path / "questions.jsonl", [*questions(12), {**questions(1)[0], "answer": "Z"}])
    recipe_of(tmp_path, teacher.endpoint)
    return tmp_path


def loaded(folder: Path, *overrides: str) -> DistillRecipe:
    return load_distill_recipe(folder / "distill.yaml", overrides)


def test_a_plan_asks_and_writes_nothing(folder: Path, teacher: FakeTeacher) -> None:
    plan = plan_of(loaded(folder, "teacher.price={input: 1, output: 2}", "limits.requests_per_minute=12"))
    assert (plan.questions, plan.refused, plan.samples, plan.requests) == (12, 1, 48, 48)
    assert plan.answered == 48 * 840
    assert plan.cost == pytest.approx((plan.asked + 2 * plan.answered) / 1e6)
    assert plan.hours == pytest.approx(48 / 12 / 60)
    assert teacher.counts()["requests"] == 0
    assert not (folder / "out").exists()


def test_what_stands_is_not_planned_and_says_what_a_reply_takes(folder: Path) -> None:
    counts = distill(loaded(folder, "samples=2"))
    plan = plan_of(loaded(folder))
    assert (plan.had, plan.samples, plan.measured) == (24, 24, True)
    assert plan.reply_tokens == round(counts.answered / 24)
    assert plan.hours is not None
    assert plan_of(loaded(folder, "samples=2")).samples == 0


def test_several_samples_are_one_request_and_nothing_is_known_of_hours(folder: Path) -> None:
    plan = plan_of(loaded(folder, "teacher.several=true"))
    assert (plan.samples, plan.requests, plan.hours, plan.cost) == (48, 12, None, None)
    assert any("hours unknown" in line for line in plan.lines())


def test_the_verb(folder: Path) -> None:
    def said(*words: str) -> str:
        command = [sys.executable, "-m", "octomed", "distill", "distill.yaml", "--plan", *words]
        environment = {**os.environ, "NO_COLOR": "1"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    values: dict[str, Any] = json.loads(said("--json"))
    assert values == plan_of(loaded(folder)).values()
    assert "48 samples to ask for" in said()


def test_a_plan_is_of_no_batch(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "octomed",
        "distill",
        "distill.yaml",
        "--plan",
        "--batch",
        "export",
        "requests",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "`--plan` asks nothing" in done.stderr
    assert not (folder / "requests").exists()
