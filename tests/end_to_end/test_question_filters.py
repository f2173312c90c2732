"""Questions by the share of right responses, and drawn by class; rows of a patient kept together."""

from __future__ import annotations

import json
from collections import Counter

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError, RecipeError
from octomed.pipeline.plan import plan
from octomed.pipeline.read import blocks_of
from octomed.recipe import load_recipe

from . import runs

LETTERS = "ABCD"
TUMORS = ["Glioma", "Meningioma", "No tumor", "Pituitary"]


def row(number, right, *, of=16, gold=0, **columns):
    """A question whose first `right` responses are right; others are wrong, without an answer, or cut."""
    others = [f"The answer is {LETTERS[(gold + 1) % 4]}.", "I cannot say.", "<think>It may be"]
    responses = [
        f"<think>Because {sample}.</think>The answer is {LETTERS[gold]}."
        if sample < right
        else others[sample % 3]
        for sample in range(of)
    ]
    return {
        "question": f"{number}. What is it?",
        "options": TUMORS,
        "answer": LETTERS[gold],
        "responses": responses,
        **columns,
    }


@pytest.fixture
def folder(tmp_path):
    runs.write_model(tmp_path / "model")
    runs.write_lines(tmp_path / "rows/a.jsonl", [row(number, number) for number in range(9)])
    runs.write_lines(tmp_path / "rows/b.jsonl", [row(number, number) for number in range(9, 17)])
    return tmp_path


def packed(folder, *, path="rows/*.jsonl", **keys):
    """Pack anew over the same store; the summary, and how often each question is packed, by stream."""
    recipe = {**runs.one_source(path, {"preset": "octomed", **keys.pop("format", {})}), **keys}
    summary = runs.pack(runs.write_recipe(folder, recipe), replace=True)
    assert octomed.verify(folder / "out").findings == ()
    tables = [pq.ParquetFile(path).read() for path in sorted((folder / "out/provenance").glob("*.parquet"))]
    rows = pa.concat_tables(tables).to_pylist()
    first = {"a.jsonl": 0, "b.jsonl": 9}
    return summary, Counter(
        (first.get(one["file"], 0) + one["row"], one["stream"] == "validation") for one in rows
    )


def numbers(counts):
    return sorted({number for number, _ in counts})


def test_two_to_fourteen_of_sixteen_stay_and_only_right_ones(folder):
    summary, counts = packed(folder, curate={"accept": {"answer": "match"}, "pass_rate": [0.125, 0.875]})
    assert numbers(counts) == list(range(2, 15))
    assert summary.rejected["pass_rate"] == 1 + 15 + 16
    details = {one["detail"] for one in runs.rejects(folder / "out") if one["reason"] == "pass_rate"}
    assert details == {
        f"{right} of 16 responses to its question are right; 0.125 to 0.875 stay" for right in (1, 15, 16)
    }
    summary, counts = packed(folder, curate={"accept": {"answer": "match"}, "pass_rate": [0.5, 0.5]})
    assert summary.blocks_scanned == 0
    assert numbers(counts) == [8]


def test_all_responses_of_a_question_stay_where_none_is_judged(folder):
    _, counts = packed(folder, curate={"pass_rate": [0.5, 0.75], "duplicates": {"exact": False}})
    assert counts == {(number, False): 16 for number in range(8, 13)}


def test_the_rate_is_of_all_rows_of_a_question_and_before_duplicates(folder):
    more = [row(0, 16), row(1, 0)]
    runs.write_lines(folder / "rows/b.jsonl", more)
    _, counts = packed(folder, curate={"accept": {"answer": "match"}, "pass_rate": [0.5, 0.5]})
    assert numbers(counts) == [8, 9]  # 8 of 16 are right, and 16 of 32; of question 1 it is 1 of 32


def test_a_source_without_right_answers_has_no_rate_and_stays(folder):
    rows = [{"question": "Describe it.", "options": [], "responses": ["It is a long story."]}]
    runs.write_lines(folder / "rows/b.jsonl", rows)
    summary, counts = packed(folder, curate={"pass_rate": [0.5, 0.5], "duplicates": {"exact": False}})
    assert numbers(counts) == [8, 9]
    assert "1 question has no pass rate" in summary.plain()


@pytest.mark.parametrize("kind", ["rows", "folder", "table", "parquet"])
def test_another_models_rates_decide(folder, kind):
    other = [row(number, 16 - number) for number in range(12)]
    if kind in {"rows", "folder"}:
        runs.write_lines(folder / "student/responses.jsonl", other)
    else:
        ids = question_ids(folder)
        table = [
            {
                "question_id": ids[number],
                **({"pass_rate": rate} if number % 2 else {"right": 16 - number, "responses": 16}),
            }
            for number, rate in ((number, (16 - number) / 16) for number in range(12))
        ]
        if kind == "table":
            runs.write_lines(folder / "student/responses.jsonl", table)
        else:
            table = [{"question_id": ids[number], "pass_rate": (16 - number) / 16} for number in range(12)]
            schema = pa.schema([("question_id", pa.uint64()), ("pass_rate", pa.float64())])
            (folder / "student").mkdir()
            pq.write_table(pa.Table.from_pylist(table, schema), folder / "student/responses.parquet")
    named = {"folder": "student", "parquet": "student/responses.parquet"}.get(kind, "student/responses.jsonl")
    rate = {"range": [0.5, 0.75], "from": named}
    _, counts = packed(folder, curate={"pass_rate": rate, "duplicates": {"exact": False}})
    assert numbers(counts) == [4, 5, 6, 7, 8]
    details = {one["detail"] for one in runs.rejects(folder / "out")}
    assert "the files of `from` do not have its question; 0.5 to 0.75 stay" in details
    assert "its question's pass rate in the files of `from` is 1; 0.5 to 0.75 stay" in details


def question_ids(folder):
    """The ids of the questions: the number of right responses tells which is which."""
    recipe = runs.one_source("rows/*.jsonl")
    recipe["curate"] = {"pass_rate": [0, 1]}
    source = plan(load_recipe(runs.write_recipe(folder, recipe))).sources[0]
    found = {}
    for task in source.tasks:
        for block in blocks_of(task, source.scanner.mapping):
            found.update({right: question for question, right, _ in source.scanner.pass_rates(block)})
    return [found[number] for number in range(17)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"question_id": 1, "pass_rate": 2}], "`pass_rate` is not between 0 and 1"),
        ([{"question_id": 1, "pass_rate": "0.5"}], "`pass_rate` is not between 0 and 1"),
        ([{"question_id": 1, "right": 3, "responses": 2}], "has no pass rate"),
        ([{"question_id": 1, "right": 0, "responses": 0}], "has no pass rate"),
        (
            [{"question_id": 1, "pass_rate": 0.5}, {"question_id": 1, "pass_rate": 0.6}],
            "another pass rate before",
        ),
        ([{"question_id": 1, "pass_rate": 0.5}, {"pass_rate": 0.6}], "line 2 has no `question_id`"),
        ([{"question_id": 1, "pass_rate": 0.5}, [1]], "line 2 is not an object"),
        ([{"question_id": 1, "pass_rate": 0.5}], "have 1 question, and none of this run's"),
        ([row(0, 3) | {"answer": None}], "could be compared with a right answer"),
    ],
)
def test_rates_that_say_nothing_are_an_error(folder, lines, words):
    runs.write_lines(folder / "rates.jsonl", lines)
    with pytest.raises(DataError) as error:
        packed(folder, curate={"pass_rate": {"range": [0, 1], "from": "rates.jsonl"}})
    assert words in error.value.message


def test_files_of_rates_that_are_not_there_are_an_error(folder):
    with pytest.raises((RecipeError, DataError), match=r"recipe\.yaml"):
        packed(folder, curate={"pass_rate": {"range": [0, 1], "from": "nowhere.jsonl"}})


def tumors(folder, **columns):
    """Twelve, six, three and one questions of four classes; of the last none is answered rightly."""
    rows = []
    for gold, count in enumerate((12, 6, 3, 1)):
        rows += [
            row(100 * gold + number, 0 if gold == 3 else 1, of=2, gold=gold, **columns)
            for number in range(count)
        ]
    runs.write_lines(folder / "rows/a.jsonl", rows)
    runs.write_lines(folder / "rows/b.jsonl", [])
    return rows


def test_classes_are_drawn_by_the_right_options_text(folder):
    rows = tumors(folder)
    for number, one in enumerate(rows):  # the order of options says nothing
        if number % 2:
            order = [2, 0, 3, 1]
            one["answer"] = LETTERS[order.index(LETTERS.index(one["answer"]))]
            one["options"] = [TUMORS[place] for place in order]
            one["responses"] = [
                f"The answer is {one['answer']}." if "<think>B" in one["responses"][0] else "No."
            ]
    runs.write_lines(folder / "rows/a.jsonl", rows)
    curate = {"accept": {"answer": "match"}, "stratify": {"sources": ["only"], "per_class": "min"}}
    summary, counts = packed(folder, path="rows/a.jsonl", curate=curate)
    classes = {one.name: (one.read, one.accepted, one.drawn) for one in summary.classes}
    assert classes == {
        "glioma": (12, 12, 3),
        "meningioma": (6, 6, 3),
        "no tumor": (3, 3, 3),
        "pituitary": (1, 0, 0),
    }
    assert len(counts) == 9
    assert "no trace of the class `pituitary` was accepted" in summary.plain()
    run = json.loads((folder / "out/octomed.json").read_text())
    assert run["counts"]["classes"][0] == {"name": "glioma", "read": 12, "accepted": 12, "drawn": 3}
    curate["stratify"]["per_class"] = {"Glioma": 2}
    summary, counts = packed(folder, path="rows/a.jsonl", curate=curate)
    assert (summary.blocks_scanned, len(counts)) == (0, 2 + 6 + 3)
    assert summary.rejected["not_drawn"] == 10


def test_classes_of_a_column_and_repeated_ones(folder):
    rows = [row(number, 1, of=1, grade="high" if number < 9 else "low") for number in range(12)]
    runs.write_lines(folder / "rows/a.jsonl", rows)
    stratify = {"sources": ["only"], "by": "grade", "per_class": 6, "repeat": True}
    summary, counts = packed(folder, path="rows/a.jsonl", curate={"stratify": stratify})
    assert [(one.name, one.drawn) for one in summary.classes] == [("high", 6), ("low", 3)]
    assert Counter(number >= 9 for number, _ in counts.elements()) == {False: 6, True: 6}
    assert summary.copies == 3


@pytest.mark.parametrize(
    ("stratify", "words"),
    [
        ({"sources": ["other"]}, "there is no source `other`"),
        ({"sources": ["only"], "repeat": True}, "`repeat` makes classes as large as `per_class`"),
        ({"sources": ["only"], "per_class": 0}, "at least 1"),
        ({"sources": ["only"], "per_class": {"Sarcoma": 3}}, "no question is of the class `Sarcoma`"),
    ],
)
def test_classes_that_make_no_sense_are_refused(folder, stratify, words):
    with pytest.raises((RecipeError, DataError)) as error:
        packed(folder, curate={"stratify": stratify})
    assert words in str(error.value)


def test_rows_of_a_patient_are_not_parted(folder):
    rows = [row(number, 1, of=1, patient=str(number // 4)) for number in range(80)]
    runs.write_lines(folder / "rows/a.jsonl", rows)
    validation = {"share": 0.3, "group": "patient"}
    summary, counts = packed(folder, path="rows/a.jsonl", validation=validation)
    sides = {}
    for number, is_validated in counts:
        sides.setdefault(number // 4, set()).add(is_validated)
    assert all(len(side) == 1 for side in sides.values())
    assert 0 < summary.validation < 80
    with pytest.raises((DataError, RecipeError), match="patients"):
        packed(folder, path="rows/a.jsonl", validation={**validation, "group": "patients"})


def test_answers_are_learned_of_the_same_questions(folder):
    runs.write_lines(folder / "rows/b.jsonl", [row(3, 5), {"question": "Why?", "responses": ["So."]}])
    curate = {"accept": {"answer": "match"}, "pass_rate": [0.1, 0.3]}
    _, counts = packed(folder, curate=curate)
    traces = runs.texts(folder / "out")
    summary, answers = packed(folder, curate=curate, target="answer")
    assert numbers(counts) == [2, 3, 4, 9]
    assert answers == {(2, False): 1, (3, False): 1, (4, False): 1}  # 9 asks what 3 asks
    assert summary.rejected["one_answer"] == 2 + 3 + 4 + 5 - 3
    assert summary.rejected["no_gold"] == 1
    texts = runs.texts(folder / "out")
    assert len(texts) == 3
    for text in texts:
        assert "assistant\nA. Glioma<|im_end|>" in text
        assert "Because" not in text
    again, _ = packed(folder, curate=curate, target="trace")
    assert again.blocks_scanned == 0
    assert sorted(runs.texts(folder / "out")) == sorted(traces)


def test_responses_that_are_null_do_not_count(folder):
    one = row(0, 4, of=8)
    one["responses"] += [None] * 8
    runs.write_lines(folder / "rows/a.jsonl", [one])
    _, counts = packed(
        folder, path="rows/a.jsonl", curate={"pass_rate": [0.5, 0.5], "duplicates": {"exact": False}}
    )
    assert counts == {(0, False): 8}
