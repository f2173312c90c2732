"""What goes wrong in mid-run: keys that expire, other models, clocks that jump, power cuts, no budget."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from octomed.distill import client
from octomed.distill.pace import Pace
from octomed.distill.recipe import load_distill_recipe
from octomed.distill.run import distill
from octomed.distill.sample_file import SampleFile
from octomed.errors import RecipeError
from octomed.recipe.problems import RecipeProblems

from tests.distill.conftest import FakeTeacher, questions, recipe_of, samples_in, write_rows

if TYPE_CHECKING:
    from pathlib import Path


def run(folder: Path, *overrides: str) -> Any:
    return distill(load_distill_recipe(folder / "distill.yaml", overrides))


@pytest.fixture
def folder(tmp_path: Path, teacher: FakeTeacher) -> Path:
    write_rows(tmp_path / "questions.jsonl", questions(12))
    recipe_of(tmp_path, teacher.endpoint)
    return tmp_path


def test_a_key_that_expires_midway_keeps_what_came(
    folder: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_KEY", "first")
    teacher.set(key="first", delay=0.1)

    def expire() -> None:
        while teacher.counts()["samples"] < 8:
            time.sleep(0.01)
        teacher.set(key="second")

    expiring = threading.Thread(target=expire)
    expiring.start()
    with pytest.raises(RecipeError, match="refuses the key"):
        run(folder, "teacher.key=TEACHER_KEY", "limits.concurrency=2")
    expiring.join()
    stood = len(samples_in(folder))
    assert 0 < stood < 48
    monkeypatch.setenv("TEACHER_KEY", "second")
    counts = run(folder, "teacher.key=TEACHER_KEY", "limits.concurrency=2")
    assert (counts.had, counts.samples) == (stood, 48 - stood)


def test_an_endpoint_of_another_model_is_named(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(names="other-model\x1b")
    recipe = load_distill_recipe(folder / "distill.yaml")
    counts = distill(recipe)
    assert counts.models == {"other-model\x1b": 48}
    (line,) = [one for one in counts.lines(recipe.settings) if "another model" in one]
    assert "`teacher`" in line
    assert "other-model" in line
    assert "\x1b" not in line
    teacher.set(names=None)
    counts = run(folder, "output.path=again")
    assert not any("another model" in one for one in counts.lines(recipe.settings))


@pytest.mark.parametrize("budget", ["budget.tokens=0", "budget.cost=0", "budget.tokens=-1"])
def test_a_budget_of_nothing_is_refused(folder: Path, teacher: FakeTeacher, budget: str) -> None:
    with pytest.raises(RecipeProblems, match="must be"):
        run(folder, budget, "teacher.price={input: 1, output: 1}")
    assert teacher.counts()["requests"] == 0


def test_a_budget_of_one_token_buys_no_more_than_is_under_way(folder: Path, teacher: FakeTeacher) -> None:
    counts = run(folder, "budget.tokens=1", "limits.concurrency=2")
    assert counts.stopped == "the budget of 1 tokens is spent"
    assert 1 <= counts.samples == len(samples_in(folder)) <= 2
    asked = teacher.counts()["requests"]
    assert run(folder, "budget.tokens=1", "limits.concurrency=2").samples == 0
    assert teacher.counts()["requests"] == asked


def in_no_known_form(_messages: list[dict[str, Any]], _seed: int | None, sample: int) -> tuple[str, str]:
    return "Hm.", f"Perhaps this, perhaps that ({sample})."


def test_answers_in_no_known_form_are_kept_and_not_accepted(tmp_path: Path) -> None:
    write_rows(tmp_path / "questions.jsonl", questions(3))
    made = FakeTeacher("tests.distill.test_bad_endpoints:in_no_known_form")
    try:
        recipe_of(tmp_path, made.endpoint)
        counts = run(tmp_path, "until={accepted: 1, at_most: 4}")
    finally:
        made.stop()
    assert (counts.samples, counts.accepted, counts.judged) == (12, 0, 12)
    assert len(samples_in(tmp_path)) == 12


def test_questions_that_are_gone_or_moved_keep_their_samples(folder: Path) -> None:
    run(folder)
    before = samples_in(folder)
    write_rows(folder / "questions.jsonl", [*questions(14)[8:], *questions(2)])
    counts = run(folder)
    assert (counts.questions, counts.had, counts.samples) == (8, 24, 8)
    assert samples_in(folder)[:48] == before


def test_a_clock_that_jumps_moves_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits count by a clock that only rises; of the wall's only a date in Retry-After is told."""
    now = 100.0
    pace = Pace(4, requests=2, clock=lambda: now)

    async def begin_two() -> None:
        for _ in range(2):
            await pace.begin()
            pace.end()

    monkeypatch.setattr(time, "time", lambda: 4e9)
    asyncio.run(begin_two())
    assert pace._seconds_to_wait() == 60.0
    now = 161.0
    assert pace._seconds_to_wait() <= 0
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert client._seconds(date) == 0.0
    monkeypatch.setattr(time, "time", lambda: 0.0)  # years before the date: the pause stays bounded
    assert pace.busy(client._seconds(date)) == 600.0


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_loses_the_last_group_at_most(tmp_path: Path, seed: int) -> None:
    """What was told to be written is below a synced size; a cut anywhere above it loses nothing of it."""
    path = tmp_path / "samples.jsonl"
    lots = random.Random(seed)
    synced: list[tuple[int, int]] = []

    async def write() -> None:
        file = SampleFile(path, "owner")
        told = 0

        async def add(number: int) -> None:
            nonlocal told
            await asyncio.sleep(lots.random() * 0.3)
            await file.add([{"key": "k", "sample": number, "response": "x" * lots.randrange(200)}])
            told += 1
            synced.append((file._size, told))

        await asyncio.gather(*(add(number) for number in range(40)))
        await file.close()

    asyncio.run(write())
    whole = path.read_bytes()
    size, told = lots.choice(synced)
    path.write_bytes(whole[: lots.randint(size, len(whole))])
    file = SampleFile(path, "owner")
    file.cut_unfinished()
    asyncio.run(file.close())
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(lines) >= told
    assert set(Counter(one["sample"] for one in lines).values()) == {1}


def test_a_window_recovers_after_a_busy_server() -> None:
    pace = Pace(32, clock=lambda: 0.0)
    for _ in range(24):
        pace.good()
    assert pace.window == 32
    pace.busy(1.0)
    pace.busy(1.0)  # of those that were under way together
    assert pace.window == 24
    for _ in range(200):
        pace.good()
    assert pace.window == 32


def test_a_turn_that_is_cancelled_is_anothers() -> None:
    async def three() -> None:
        pace = Pace(1)
        await pace.begin()
        first, second = asyncio.create_task(pace.begin()), asyncio.create_task(pace.begin())
        await asyncio.sleep(0)
        pace.end()
        first.cancel()
        await asyncio.wait_for(second, 1.0)

    asyncio.run(three())


def test_the_proxy_of_the_environment_is_used(
    folder: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher stands in for a proxy: it is asked for a host that there is not."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{teacher.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert run(folder, "teacher.endpoint=http://teacher.invalid/v1").samples == 48
