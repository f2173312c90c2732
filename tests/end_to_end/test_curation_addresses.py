"""Evaluation sets, lists of exclusions and another model's responses in stores: the bytes of a local run."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import RecipeError, StorageError

from . import runs

LETTERS = "AB"


def row(number: int, right: int, of: int = 4) -> dict:
    """A question with `right` right responses of four; words of its own, which an evaluation set may have."""
    words = " ".join(f"w{number}x{place}" for place in range(20))
    return {
        "question": f"Question {number}: {words}?",
        "options": ["yes", "no"],
        "answer": "A",
        "responses": [f"The answer is {LETTERS[place >= right]}." for place in range(of)],
    }


@pytest.fixture
def folder(tmp_path):
    """Rows of which an evaluation set has two, a list one, and another model answers four half rightly."""
    runs.write_lines(tmp_path / "rows/a.jsonl", [row(number, 4) for number in range(12)])
    asked = [{key: row(number, 4)[key] for key in ("question", "options")} for number in (2, 5)]
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/bench.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps(one) + "\n" for one in asked[:1]).encode())
    )
    pq.write_table(pa.Table.from_pylist(asked[1:]), tmp_path / "sets/other.parquet")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/withdrawn.txt").write_text("only:a.jsonl:7  # consent withdrawn\n")
    runs.write_lines(
        tmp_path / "student/r.jsonl", [row(number, 2 if number > 7 else 4) for number in range(12)]
    )
    return tmp_path


def recipe(folder, sets="sets/*", lists="lists/withdrawn.txt", student="student"):
    values = runs.one_source("rows/*.jsonl")
    values["curate"] = {
        "decontaminate": {"against": sets, "allow_loss": {"only": 0.5}},
        "exclude": lists,
        "pass_rate": {"range": [0.75, 1.0], "from": student},
        "duplicates": {"exact": False},
    }
    return runs.write_recipe(folder, values)


def reasons(folder):
    return {(one["row"], one["reason"]) for one in runs.rejects(folder)}


@pytest.mark.parametrize("store", ["fast_s3", "hub"])
def test_what_curation_reads_may_lie_in_a_store(folder, store, request):
    runs.pack(recipe(folder))
    left_out = {(2, "contaminated"), (5, "contaminated"), (7, "excluded")}
    assert reasons(folder / "out") == left_out | {(number, "pass_rate") for number in range(8, 12)}
    server = request.getfixturevalue(store)
    sets, lists, student = (server.upload(folder / name, name) for name in ("sets", "lists", "student"))
    path = recipe(folder, f"{sets}/*", f"{lists}/withdrawn.txt", student)
    runs.pack(path, "output.path=far", "work.path=of-far")
    here, there = runs.contents(folder / "out"), runs.contents(folder / "far")
    assert here.keys() == there.keys()
    assert {name for name in here if here[name] != there[name]} <= {"octomed.json"}
    assert runs.pack(path, "output.path=far", "work.path=of-far").already_done


def test_an_evaluation_set_that_is_pushed_anew_makes_another_run(folder, fast_s3):
    address = fast_s3.upload(folder / "sets", "sets")
    path = recipe(folder, address)
    runs.pack(path)
    asked = row(3, 4)
    fast_s3.put("sets/bench.jsonl.gz", gzip.compress(json.dumps({"question": asked["question"]}).encode()))
    summary = runs.pack(path, replace=True)
    assert not summary.already_done
    assert summary.blocks_scanned == 0
    assert {(3, "contaminated"), (5, "contaminated")} <= reasons(folder / "out")
    assert (2, "contaminated") not in reasons(folder / "out")


def test_what_is_not_there_is_named(folder, fast_s3):
    with pytest.raises(RecipeError, match=rf"there is nothing at `{fast_s3.root}/none.jsonl`"):
        runs.pack(recipe(folder, f"{fast_s3.root}/none.jsonl"))
    with pytest.raises(RecipeError, match=rf"`{fast_s3.root}/none.txt` cannot be read: No such file"):
        runs.pack(recipe(folder, lists=f"{fast_s3.root}/none.txt"))
    address = fast_s3.upload(folder / "lists", "lists")
    fast_s3.set(keys=["somebody-else"], anonymous=False)
    with pytest.raises(StorageError, match="does not accept the credentials"):
        runs.pack(recipe(folder, lists=f"{address}/withdrawn.txt"))
