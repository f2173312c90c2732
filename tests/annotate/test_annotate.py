"""Columns filled by a model: each row once, what stands left alone, what is no value never written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.annotate.recipe import load_annotate_recipe
from octomed.annotate.run import annotate
from octomed.annotate.schema import Annotation
from octomed.errors import RecipeError
from octomed.recipe.problems import RecipeProblems

from tests.distill.conftest import questions, recipe_of, teacher, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distill.conftest import FakeTeacher

__all__ = ["teacher"]

MODALITY = {"column": "modality", "values": ["ct", "mri", "x-ray"]}
DIFFICULTY = {"column": "difficulty", "values": [1, 10]}


def recipe_for(folder: Path, endpoint: str, path: str = "questions.jsonl", **changes: Any) -> Path:
    """Write a recipe of annotations for rows of questions."""
    values = json.loads(recipe_of(folder, endpoint).read_text())
    del values["samples"], values["curate"]
    values["sources"][0]["path"] = path
    values |= {"annotate": [MODALITY, DIFFICULTY], "output": {"path": "annotated"}, **changes}
    recipe = folder / "annotate.yaml"
    recipe.write_text(json.dumps(values))
    return recipe


@pytest.fixture
def folder(tmp_path: Path, teacher: FakeTeacher) -> Path:
    write_rows(tmp_path / "questions.jsonl", questions(12))
    recipe_for(tmp_path, teacher.endpoint)
    return tmp_path


def run(folder: Path, *overrides: str) -> Any:
    return annotate(load_annotate_recipe(folder / "annotate.yaml", overrides))


def copied(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "annotated/questions/questions.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_every_row_gets_its_values_and_keeps_its_bytes(folder: Path, teacher: FakeTeacher) -> None:
    counts = run(folder)
    assert (counts.questions, counts.samples, counts.filled.total()) == (12, 24, 24)
    before = (folder / "questions.jsonl").read_bytes().splitlines()
    after = (folder / "annotated/questions/questions.jsonl").read_bytes().splitlines()
    for old, new in zip(before, after, strict=True):
        assert new.startswith(old[:-1])
    assert {row["modality"] for row in copied(folder)} <= {"ct", "mri", "x-ray"}
    assert all(1 <= row["difficulty"] <= 10 for row in copied(folder))
    assert run(folder).samples == 0
    assert teacher.counts()["requests"] == 24


def test_a_question_of_several_rows_is_asked_once(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(delay=0.02)
    write_rows(folder / "questions.jsonl", [row for row in questions(3) for _ in range(5)])
    counts = run(folder)
    assert (counts.samples, counts.filled.total()) == (6, 30)


def test_values_that_are_there_are_left_alone(folder: Path, teacher: FakeTeacher) -> None:
    rows = questions(4)
    rows[0]["modality"], rows[1]["modality"], rows[2]["modality"] = "Ultrasound", "", None
    write_rows(folder / "questions.jsonl", rows)
    counts = run(folder, 'annotate={column: modality, values: ["ct", "mri"]}')
    assert counts.present == {"modality": 1}
    assert teacher.counts()["requests"] == 3
    after = copied(folder)
    assert after[0] == rows[0]
    assert {row["modality"] for row in after[1:]} <= {"ct", "mri"}


def test_an_answer_outside_is_asked_once_more_and_never_written(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(outside=1.0)
    counts = run(folder)
    assert counts.samples == teacher.counts()["requests"] == 48
    assert counts.outside == {"modality": 12, "difficulty": 12}
    assert all(row["modality"] is None and row["difficulty"] is None for row in copied(folder))
    failures = [json.loads(line) for line in (folder / "annotated/failures.jsonl").read_text().splitlines()]
    assert {one["reason"] for one in failures} == {"outside"}
    assert "I cannot tell." in failures[0]["detail"]
    teacher.set(outside=0.0)
    again = run(folder)
    assert (again.samples, teacher.counts()["requests"]) == (0, 48)
    assert len((folder / "annotated/failures.jsonl").read_text().splitlines()) == 24


def test_a_second_answer_that_is_a_value_counts(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(outside=0.5)
    counts = run(folder)
    assert 24 < counts.samples < 48
    assert counts.filled.total() + counts.outside.total() == 24
    assert counts.filled.total() == sum(
        row[name] is not None for row in copied(folder) for name in ("modality", "difficulty")
    )


def test_a_budget_stops_it_without_copies_and_a_larger_one_goes_on(folder: Path) -> None:
    few = run(folder, "budget.tokens=400", "limits.concurrency=1")
    assert few.stopped is not None
    assert few.written == []
    assert not (folder / "annotated/questions").exists()
    rest = run(folder)
    assert few.samples + rest.samples == 24
    assert rest.filled.total() == 24


@pytest.mark.alone
def test_a_kill_buys_nothing_twice(folder: Path, teacher: FakeTeacher) -> None:
    teacher.set(delay=0.1)
    command = [sys.executable, "-m", "octomed", "annotate", "annotate.yaml", "--set", "limits.concurrency=2"]
    path = folder / "annotated/samples.jsonl"
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    end = time.monotonic() + 60
    while not (path.exists() and path.read_bytes().count(b"\n") > 3):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.wait()
    stood = path.read_bytes().count(b"\n")
    counts = run(folder)
    assert counts.samples == 24 - stood
    assert counts.had >= stood
    assert teacher.counts()["samples"] - 24 <= 2


def table_of(kind: str) -> pa.Table:
    rows = questions(3)
    options = [list(row["options"].values()) for row in rows]
    columns = {
        "question": [row["question"] for row in rows],
        "options": options,
        "answer": [row["answer"] for row in rows],
        "picture": pa.array([b"\x00\xff", None, b""], pa.binary()),
        "meta": [{"year": 2020, "tags": ["a"]}, None, {"year": None, "tags": []}],
    }
    if kind == "present":
        columns["difficulty"] = pa.array([3, None, None], pa.int16())
    return pa.table(columns)


@pytest.mark.parametrize("kind", ["absent", "present"])
def test_a_table_becomes_one_with_the_same_types(folder: Path, teacher: FakeTeacher, kind: str) -> None:
    table = table_of(kind)
    pq.write_table(table, folder / "rows.parquet")
    recipe_for(folder, teacher.endpoint, "rows.parquet")
    counts = run(folder)
    after = pq.read_table(folder / "annotated/questions/rows.parquet")
    same = [name for name in table.schema.names if name != "difficulty"]
    assert after.select(same).equals(table.select(same))
    assert after["difficulty"].type == pa.int64()
    assert after["modality"].null_count == after["difficulty"].null_count == 0
    if kind == "present":
        assert after["difficulty"][0].as_py() == 3
        assert counts.present == {"difficulty": 1}


def test_a_column_of_another_type_is_refused(folder: Path, teacher: FakeTeacher) -> None:
    table = table_of("absent").append_column("difficulty", pa.array([[1], None, None]))
    pq.write_table(table, folder / "rows.parquet")
    recipe_for(folder, teacher.endpoint, "rows.parquet")
    with pytest.raises(RecipeError, match=r"`difficulty` of .* holds list"):
        run(folder)


def test_csv_becomes_parquet_and_archives_are_refused(folder: Path, teacher: FakeTeacher) -> None:
    (folder / "rows.csv").write_text('question,answer,note\nWhat?,x,"a ""b"""\nWhy?,y,\n')
    values = {"name": "questions", "path": "rows.csv", "format": {"question": "question", "answer": "answer"}}
    recipe_for(folder, teacher.endpoint, sources=[values])
    run(folder)
    rows = pq.read_table(folder / "annotated/questions/rows.csv.parquet").to_pylist()
    assert [row["note"] for row in rows] == ['a "b"', None]
    assert all(row["modality"] for row in rows)


def test_packing_reads_what_was_filled(folder: Path, teacher: FakeTeacher) -> None:
    rows = [{**row, "response": "The answer is (A)."} for row in questions(12)]
    write_rows(folder / "questions.jsonl", rows)
    teacher.set(outside=0.3)
    run(folder)
    values = {
        "name": "packed",
        "model": "qwen2.5",
        "sources": [{"name": "q", "path": "annotated/questions", "format": "alpaca"}],
        "curate": {"where": {"modality": ["ct"]}},
        "pack": {"capacity": 1024, "buckets": [], "seed": 1},
        "output": {"path": "packed"},
        "work": {"path": "work"},
    }
    form = {"question": "question", "options": "options", "answer": "answer", "response": "response"}
    values["sources"][0]["format"] = form  # type: ignore[index]
    (folder / "pack.yaml").write_text(json.dumps(values))
    command = [sys.executable, "-m", "octomed", "pack", "pack.yaml", "--workers", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rejects = pq.read_table(folder / "packed/rejects")
    wanted = sum(row["modality"] == "ct" for row in copied(folder))
    assert 0 < wanted < 12
    assert pq.read_table(folder / "packed/provenance").num_rows == wanted
    assert rejects["reason"].to_pylist() == (12 - wanted) * ["not_kept"]  # nulls among them


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("ct", "ct"),
        (" **CT.** ", "ct"),
        ("Answer: X-Ray", "x-ray"),
        ("It is an MRI scan.", "mri"),
        ("<think>ct? no, mri</think>x-ray", "x-ray"),
        ("CT or MRI", None),
        ("This is not a CT.", None),
        ("octopus", None),
        ("", None),
        ("I looked at this question for a long time and think that it might perhaps be ct", None),
    ],
)
def test_which_replies_name_a_value(reply: str, value: str | None) -> None:
    assert Annotation(column="m", values=("ct", "mri", "x-ray")).value_of(reply) == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("7", 7), ("7/10", 7), ("10/10", 10), ("Difficulty: 3.", 3), ("**8** out of 10", 8), ("0", None),
        ("11", None), ("-3", None), ("7.5", None), ("3 or 4", None), ("five", None), ("10000000000", None),
        ("On a scale from 1 to 10 it is a 7", None),
    ],
)  # fmt: skip
def test_which_replies_name_a_number(reply: str, value: int | None) -> None:
    assert Annotation(column="d", values=(1, 10)).value_of(reply) == value


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "mixed": ({"values": ["a", 1]}, "`values` are texts, or two whole numbers"),
    "backwards": ({"values": [10, 1]}, "ends before it begins"),
    "alike": ({"values": ["CT", "ct."]}, "two of `values` are alike"),
    "one": ({"values": ["ct"]}, "two texts or more"),
    "no list": ({"values": "ct"}, "two texts or more"),
    "truth": ({"values": [True, False]}, "two texts or more"),
    "halves": ({"values": [0.5, 1.5]}, "two texts or more"),
    "dotted": ({"column": "meta.modality"}, "column"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_a_recipe_may_not_say(folder: Path, teacher: FakeTeacher, case: str) -> None:
    changes, words = FAULTS[case]
    recipe_for(folder, teacher.endpoint, annotate={**MODALITY, **changes})
    with pytest.raises(RecipeProblems, match=words):
        run(folder)


def test_a_column_is_filled_once_and_curation_is_of_packing(folder: Path, teacher: FakeTeacher) -> None:
    recipe_for(
        folder, teacher.endpoint, annotate=[MODALITY, MODALITY], curate={"accept": {"answer": "match"}}
    )
    with pytest.raises(RecipeProblems) as found:
        run(folder)
    assert "a column is filled once" in str(found.value)
    assert "`curate` is of packing" in str(found.value)
