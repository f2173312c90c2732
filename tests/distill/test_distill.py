"""Whole distillations against a fake teacher: every sample once, whatever happens."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from octomed.distill.recipe import load_distill_recipe
from octomed.distill.run import distill
from octomed.errors import DataError, RecipeError, StorageError

from tests.distill.conftest import FakeTeacher, questions, recipe_of, samples_in, write_rows
from tests.servers.teacher import images_of, text_of


def run(folder: Path, *overrides: str) -> Any:
    return distill(load_distill_recipe(folder / "distill.yaml", overrides))


@pytest.fixture
def folder(tmp_path: Path, teacher: FakeTeacher) -> Path:
    write_rows(tmp_path / "questions.jsonl", questions(12))
    recipe_of(tmp_path, teacher.endpoint)
    return tmp_path


def each_once(folder: Path, samples: int) -> None:
    """Check that every sample of every question is in the file, and none twice."""
    found = Counter((line["key"], line["sample"]) for line in samples_in(folder))
    assert set(found.values()) == {1}
    assert set(Counter(key for key, _ in found).values()) == {samples}


def test_every_question_has_its_samples(folder: Path, teacher: FakeTeacher) -> None:
    counts = run(folder)
    assert (counts.questions, counts.samples, counts.failed) == (12, 48, {})
    each_once(folder, 4)
    line = samples_in(folder)[0]
    assert line["reasoning"]
    assert line["finish_reason"] == "stop"
    assert line["usage"]["answered"] > 0
    assert line["options"]["A"].endswith("0")
    assert line["model"] == "teacher"
    assert 0 < counts.accepted < 48
    assert teacher.counts()["requests"] == 48


def test_nothing_is_asked_twice(folder: Path, teacher: FakeTeacher) -> None:
    run(folder)
    before = samples_in(folder)
    counts = run(folder)
    assert (counts.had, counts.samples) == (48, 0)
    assert samples_in(folder) == before
    assert teacher.counts()["requests"] == 48


def test_more_samples_are_added_to_those_there(folder: Path) -> None:
    run(folder)
    counts = run(folder, "samples=6")
    assert (counts.had, counts.samples) == (48, 24)
    each_once(folder, 6)


def test_a_changed_question_is_asked_anew_and_the_others_are_not(folder: Path) -> None:
    run(folder)
    rows = questions(12)
    rows[3]["question"] += " Think again."
    write_rows(folder / "questions.jsonl", rows)
    counts = run(folder)
    assert (counts.had, counts.samples) == (44, 4)


def test_another_temperature_is_another_question(folder: Path) -> None:
    run(folder)
    counts = run(folder, "teacher.parameters.temperature=1.0")
    assert (counts.had, counts.samples) == (0, 48)


@pytest.mark.parametrize("kind", ["busy", "server", "overloaded", "html", "no_body", "reset", "half"])
def test_faults_lose_nothing_and_buy_nothing_twice(folder: Path, teacher: FakeTeacher, kind: str) -> None:
    teacher.set(rate=0.05 if kind == "overloaded" else 0.3, kinds=[kind], retry_after=0.05)
    counts = run(folder, "limits.attempts=30")
    assert counts.samples == 48
    each_once(folder, 4)
    assert counts.attempts.total() > 0
    assert teacher.counts()["samples"] == 48


def test_a_request_that_hangs_is_ended_and_made_again(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(stalls=3)
    counts = run(folder, "limits.timeout=1.0")
    assert counts.samples == 48
    assert counts.attempts["timeout"] == 3


def test_retry_after_is_honoured_and_the_window_shrinks(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(most_under_way=2, retry_after=0.1, delay=0.02)
    counts = run(folder)
    assert counts.samples == 48
    assert (
        teacher.counts()["faults"]["busy"] < 48
    )  # a client without a window would be refused again and again


def test_several_samples_come_with_one_request(folder: Path, teacher: FakeTeacher) -> None:
    counts = run(folder, "teacher.several=true")
    assert counts.samples == 48
    each_once(folder, 4)
    assert teacher.counts()["requests"] == 12
    assert [line["usage"] is None for line in samples_in(folder)[:4]].count(False) == 1


def test_a_server_that_ignores_n_is_asked_one_by_one(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(honours_n=False)
    counts = run(folder, "teacher.several=true")
    assert counts.samples == 48
    each_once(folder, 4)
    assert any("asked one by one" in note for note in counts.notes)


def test_seeds_make_the_same_samples_again(folder: Path) -> None:
    run(folder, "teacher.seeds=true", "output.path=one")
    run(folder, "teacher.seeds=true", "output.path=two")
    read = {name: (folder / name / "samples.jsonl").read_text().splitlines() for name in ("one", "two")}
    texts = {
        name: {(v["key"], v["sample"]): v["reasoning"] for v in map(json.loads, lines)}
        for name, lines in read.items()
    }
    assert texts["one"] == texts["two"]
    assert len(set(texts["one"].values())) == 48


def test_equal_texts_of_a_question_are_counted(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(words=0, right=1.0)
    assert run(folder).repeated == 36


def test_a_question_ends_when_enough_samples_are_accepted(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(right=0.5)
    counts = run(folder, "samples=16", "until={accepted: 2, at_most: 12}")
    by_key: dict[str, int] = Counter(line["key"] for line in samples_in(folder))
    assert counts.samples < 12 * 12
    assert counts.accepted >= 2 * sum(number < 12 for number in by_key.values())
    before = counts.samples
    assert run(folder, "samples=16", "until={accepted: 2, at_most: 12}").samples == 0
    more = run(folder, "samples=16", "until={accepted: 3, at_most: 12}")
    assert more.had == before
    assert more.samples > 0


def test_empty_replies_are_asked_for_once_more_and_then_kept(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(empty=1.0)
    counts = run(folder)
    assert counts.empty == counts.samples == 48
    assert teacher.counts()["requests"] == 96
    assert run(folder).samples == 0


def test_cut_replies_are_kept_and_not_accepted(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(cut=1.0)
    counts = run(folder)
    assert (counts.cut, counts.accepted, counts.samples) == (48, 0, 48)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "think"])
def test_reasoning_is_read_wherever_it_is(folder: Path, teacher: FakeTeacher, field: str) -> None:
    teacher.set(reasoning=field)
    run(folder)
    line = samples_in(folder)[0]
    if field == "think":
        assert line["response"].startswith("<think>")
    else:
        assert line["reasoning"]
        assert "<think>" not in line["response"]


def test_messages_of_anthropic(folder: Path) -> None:
    counts = run(folder, "teacher.api=anthropic", "teacher.parameters={max_tokens: 100}")
    line = samples_in(folder)[0]
    assert counts.samples == 48
    assert line["reasoning"]
    assert line["finish_reason"] == "stop"


def test_a_budget_stops_cleanly_and_a_larger_one_goes_on(folder: Path) -> None:
    few = run(folder, "budget.tokens=400", "limits.concurrency=2")
    assert few.stopped is not None
    assert 0 < few.samples < 48
    assert run(folder, "budget.tokens=400", "limits.concurrency=2").samples == 0
    rest = run(folder)
    assert rest.had + rest.samples == 48
    each_once(folder, 4)


def test_the_cost_is_of_prices(folder: Path) -> None:
    counts = run(folder, "teacher.price={input: 1e6, output: 2e6}", "budget.cost=100", "limits.concurrency=1")
    assert counts.stopped == "the budget of 100.00 is spent"
    assert counts.asked + 2 * counts.answered >= 100


def test_rows_without_a_right_answer_are_never_sent(folder: Path, teacher: FakeTeacher) -> None:
    rows = questions(4)
    rows[1]["answer"] = "Z"
    rows[2]["answer"] = None
    write_rows(folder / "questions.jsonl", rows)
    counts = run(folder)
    assert counts.refused == {"gold_fault": 1, "no_gold": 1}
    assert teacher.counts()["samples"] == 8


def test_what_a_server_refuses_is_not_asked_again(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(refuses_images=True)
    rows = [{**row, "question": row["question"] + " image"} for row in questions(2)] + questions(2)
    write_rows(folder / "questions.jsonl", rows)
    counts = run(folder)
    assert counts.failed == {"refused": 8}
    asked = teacher.counts()["requests"]
    assert run(folder).samples == 0
    assert teacher.counts()["requests"] == asked
    failures = [json.loads(line) for line in (folder / "out" / "failures.jsonl").read_text().splitlines()]
    assert failures[0]["detail"] == "status 400: images are not supported"


ENDS = {
    "key": ({"key": "secret"}, RecipeError, "refuses the key"),
    "model": ({"model": "another"}, RecipeError, "does not answer for `teacher`"),
    "html": ({"rate": 1.0, "kinds": ["html"]}, StorageError, r"gave no reply to 2\d requests in a row"),
}


@pytest.mark.parametrize("case", ENDS)
def test_an_endpoint_that_does_not_answer_ends_the_run(folder: Path, teacher: FakeTeacher, case: str) -> None:
    rules, kind, words = ENDS[case]
    teacher.set(**rules)
    with pytest.raises(kind, match=words):
        run(folder, "limits.attempts=1")
    assert samples_in(folder) == []


def test_an_endpoint_that_is_down(folder: Path, teacher: FakeTeacher) -> None:
    teacher.stop()
    with pytest.raises(StorageError, match="gave no reply"):
        run(folder, "limits.attempts=1")


def test_a_key_that_is_not_set_and_one_that_is(
    folder: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher.set(key="sk-planted-secret")
    monkeypatch.delenv("TEACHER_KEY", raising=False)
    with pytest.raises(RecipeError, match="`TEACHER_KEY` is not set"):
        run(folder, "teacher.key=TEACHER_KEY")
    monkeypatch.setenv("TEACHER_KEY", "sk-planted-secret")
    assert run(folder, "teacher.key=TEACHER_KEY").samples == 48
    for path in (folder / "out").iterdir():
        assert path.is_dir() or b"planted" not in path.read_bytes()


def test_a_source_without_questions(folder: Path) -> None:
    write_rows(folder / "questions.jsonl", [{**row, "answer": None} for row in questions(3)])
    with pytest.raises(DataError, match="no row asks anything: no_gold 3"):
        run(folder)


def test_a_damaged_line_is_named_and_a_torn_one_is_cut(folder: Path) -> None:
    run(folder)
    path = folder / "out" / "samples.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    counts = run(folder)
    assert counts.samples == 1
    assert any("were cut off" in note for note in counts.notes)
    each_once(folder, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1][:20] + b"\n", *lines[2:]]))
    with pytest.raises(StorageError, match=r"line 2 of .* is damaged"):
        run(folder)


def test_two_runs_do_not_write_one_folder(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(delay=0.3)
    first = started(folder)
    wait_for((folder / "out" / "samples.jsonl").exists)
    with pytest.raises(RecipeError, match="another distillation writes"):
        run(folder)
    first.kill()
    first.wait()


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "octomed", "distill", "distill.yaml", *words]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def wait_for(true: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def has_more(process: subprocess.Popen[bytes], path: Path, lines: int) -> bool:
    return process.poll() is not None or (path.exists() and path.read_bytes().count(b"\n") > lines)


def killed_again_and_again(folder: Path, kills: int, *words: str) -> None:
    """Kill runs at random moments until all samples are there; check that none stands twice or was lost."""
    lots = random.Random(5)
    path = folder / "out" / "samples.jsonl"
    for _ in range(kills):
        before = path.read_bytes().count(b"\n") if path.exists() else 0
        process = started(folder, *words)
        wait_for(partial(has_more, process, path, before))
        time.sleep(lots.random() * 0.2)
        process.kill()
        process.wait()
    process = started(folder, *words)
    assert process.wait() == 0
    each_once(folder, 4)


@pytest.mark.alone
def test_kills_lose_no_sample_and_ask_for_none_that_stands(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(delay=0.05)
    killed_again_and_again(folder, 3, "--set", "limits.concurrency=4")
    lost = teacher.counts()["samples"] - 48
    assert lost <= 3 * 4  # what was under way when it was killed


@pytest.mark.long
def test_fifty_kills(folder: Path, teacher: FakeTeacher) -> None:
    write_rows(folder / "questions.jsonl", questions(300))
    teacher.set(delay=0.05, rate=0.05, kinds=["busy", "server", "reset"], retry_after=0.05)
    killed_again_and_again(folder, 50, "--set", "limits.concurrency=16")
    assert teacher.counts()["samples"] - 1200 <= 50 * 16


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(folder: Path, teacher: FakeTeacher, number: int) -> None:
    teacher.set(delay=0.2)
    process = started(folder, "--set", "limits.concurrency=2")
    wait_for(lambda: (folder / "out" / "samples.jsonl").exists() and samples_in(folder))
    os.kill(process.pid, number)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert b"resume: `octomed distill distill.yaml --set limits.concurrency=2`" in error
    assert b"Traceback" not in error


def test_a_conversation_is_asked_for_its_last_answer(folder: Path) -> None:
    turns = [
        {"role": "user", "content": "Fever since Monday. What now?"},
        {"role": "assistant", "content": "Measure it twice a day."},
        {"role": "user", "content": "It is 39.5. What now?"},
        {"role": "assistant", "content": "See a doctor."},
    ]
    write_rows(folder / "questions.jsonl", [{"messages": turns}, {"messages": turns[:1] + turns[3:]}])
    recipe = folder / "distill.yaml"
    values = json.loads(recipe.read_text())
    values["sources"][0]["format"] = "messages"
    del values["curate"]
    recipe.write_text(json.dumps(values))
    assert run(folder).samples == 8
    lines = samples_in(folder)
    assert {line["question"] for line in lines} == {"It is 39.5. What now?", "Fever since Monday. What now?"}
    assert [["Fever since Monday. What now?", "Measure it twice a day."]] in [
        line.get("history") for line in lines
    ]


def test_a_test_split_is_not_asked(folder: Path, teacher: FakeTeacher) -> None:
    row = {"question": "What?", "options": {"A": "x", "B": "y"}, "answer": "x", "answer_idx": "A"}
    for split in ("train", "test"):
        write_rows(folder / "data" / f"{split}.jsonl", [row])
    one = {"name": "medqa", "format": "medqa-usmle", "path": "data/*.jsonl", "split": ["test"]}
    recipe_of(folder, teacher.endpoint, sources=[one])
    with pytest.raises(RecipeError, match="reads the test split of `medqa-usmle`, an evaluation set"):
        run(folder)
    recipe_of(folder, teacher.endpoint, sources=[{**one, "split": ["train"]}])
    assert run(folder).samples == 4


def told(messages: list[dict[str, Any]], seed: int | None, sample: int) -> tuple[str, str]:
    """Answer as a function of one's own: with what it was called with."""
    images = [len(image) for image in images_of(messages)]
    return f"{seed} {sample} {images}", text_of(messages[-1]["content"])


def test_a_function_of_ones_own_answers(tmp_path: Path) -> None:
    write_rows(tmp_path / "questions.jsonl", questions(2))
    made = FakeTeacher("tests.distill.test_distill:told")
    try:
        recipe_of(tmp_path, made.endpoint)
        run(tmp_path)
        lines = samples_in(tmp_path)
        assert sorted(one["reasoning"] for one in lines) == sorted(2 * [f"None {k} []" for k in range(4)])
        assert {one["response"].splitlines()[0] for one in lines} == {
            "What is it, number 0?",
            "What is it, number 1?",
        }
        run(tmp_path, "teacher.seeds=true", "output.path=seeded")
        seeded = (tmp_path / "seeded/samples.jsonl").read_text()
        assert len({json.loads(line)["reasoning"] for line in seeded.splitlines()}) == 8
    finally:
        made.stop()
