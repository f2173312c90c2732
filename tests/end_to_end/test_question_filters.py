"""Questions by the share of right responses, and drawn by class; rows of a patient kept together."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError, RecipeError
from octomed.pipeline.finished.run_report import report_of
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.planning.plan import plan
from octomed.recipe import load_recipe
from octomed.report.run_page import page_of

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


EMPTY = ["", " \n", None, None]
FIVE_OF_EIGHT = [0.62, 0.63]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv"])
def test_an_empty_response_is_a_sample_that_is_not_right_and_a_null_one_is_none(folder, kind):
    """Five right ones, one wrong, two empty, two null: five of eight."""
    one = row(0, 5, of=6)
    one["responses"] += EMPTY
    if kind == "csv":
        values = {name: json.dumps(value) if name != "question" else value for name, value in one.items()}
        values["answer"] = one["answer"]
        with (folder / "rows/one.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(values))
            writer.writeheader()
            writer.writerow(values)
    else:
        write = runs.write_lines if kind == "jsonl" else runs.write_parquet
        write(folder / f"rows/one.{kind}", [one])
    curate = {"pass_rate": FIVE_OF_EIGHT, "duplicates": {"exact": False}}
    summary, counts = packed(folder, path=f"rows/one.{kind}", curate=curate)
    assert counts == {(0, False): 6}
    assert summary.rejected == {"empty_response": 4}
    answers = json.loads((folder / "out/octomed.json").read_text())["counts"]["sources"]["only"]["answers"]
    assert sum(answers.values()) == 8


def test_reasoning_without_a_response_is_not_right_whatever_it_says(folder):
    rows = [
        {"q": "What is it?", "o": TUMORS, "a": "A", "t": "The answer is A.", "r": said}
        for said in ("", "The answer is A.")
    ]
    runs.write_lines(folder / "rows/a.jsonl", rows)
    mapping = {"question": "q", "options": "o", "answer": "a", "reasoning": "t", "response": "r"}
    recipe = runs.one_source("rows/a.jsonl", mapping)
    recipe["curate"] = {"pass_rate": [0.5, 0.5]}
    summary = runs.pack(runs.write_recipe(folder, recipe))
    assert (summary.train, summary.rejected) == (1, {"empty_response": 1})


def test_another_models_null_responses_are_no_samples_either(folder):
    other = row(0, 5, of=6)
    other["responses"] += EMPTY
    runs.write_lines(folder / "student.jsonl", [other, row(1, 0)])
    rate = {"range": FIVE_OF_EIGHT, "from": "student.jsonl"}
    _, counts = packed(folder, curate={"pass_rate": rate, "duplicates": {"exact": False}})
    assert numbers(counts) == [0]


def test_answers_that_only_have_to_be_there_are_compared_where_a_rule_asks(folder):
    """Any answer is accepted, and the pass rate is of the right ones: 5 are right, 4 wrong, 7 no answers."""
    curate = {"accept": {"answer": "present"}, "duplicates": {"exact": False}}
    _, counts = packed(folder, curate={**curate, "pass_rate": [0.3, 0.32]})
    assert numbers(counts) == [5]
    wrong = sum(sample % 3 == 0 for sample in range(5, 16))
    assert sum(counts.values()) == 5 + wrong
    _, counts = packed(folder, curate=curate)
    assert numbers(counts) == list(range(17))
    answers = json.loads((folder / "out/octomed.json").read_text())["counts"]["sources"]["only"]["answers"]
    assert "present" in answers
    assert "right" not in answers


def test_a_row_without_a_right_answer_needs_no_more_than_an_answer(folder):
    rows = [row(number, number) for number in range(9)]
    rows[4]["answer"] = None
    rows[5]["answer"] = "Something else"
    runs.write_lines(folder / "rows/a.jsonl", rows)
    curate = {"accept": {"answer": "present"}, "pass_rate": [0.4, 0.5], "duplicates": {"exact": False}}
    summary, counts = packed(folder, path="rows/a.jsonl", curate=curate)
    assert numbers(counts) == [4, 5, 7, 8]
    assert "2 questions have no pass rate" in summary.plain()


def test_classes_by_answer_need_no_accepted_ones_to_be_right(folder):
    tumors(folder)
    curate = {"accept": {"answer": "present"}, "stratify": {"sources": ["only"], "per_class": 2}}
    summary, counts = packed(folder, path="rows/a.jsonl", curate=curate)
    assert {one.name: one.drawn for one in summary.classes} == {
        "glioma": 2, "meningioma": 2, "no tumor": 2, "pituitary": 1,
    }  # fmt: skip
    assert len(counts) == 7


def rates_in(folder, kind, rows):
    """Write a table of rates."""
    path = folder / f"student/{kind.replace('/', '-')}"
    path.parent.mkdir(exist_ok=True)
    ending = kind.partition(".")[2]
    if ending in {"csv", "tsv", "csv.gz"}:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if ending == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode("utf-8-sig")
        path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    elif ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(
            [("question_id", pa.uint64()), *((name, pa.int64()) for name in list(rows[0])[1:])]
        )), path)  # fmt: skip
    elif ending == "arrow":
        table = pa.Table.from_pylist(rows, pa.schema(
            [("question_id", pa.uint64()), *((name, pa.int64()) for name in list(rows[0])[1:])]
        ))  # fmt: skip
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    elif ending == "json":
        path.write_text(json.dumps(rows))
    else:
        lines = "".join(json.dumps(one) + "\n" for one in rows).encode()
        path.write_bytes(gzip.compress(lines) if ending.endswith("gz") else lines)
    return path


KINDS_OF_TABLES = ["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.json", "a.parquet", "a.arrow"]


@pytest.mark.parametrize("kind", KINDS_OF_TABLES)
def test_rates_are_read_of_tables_of_every_kind_and_by_globs(folder, kind):
    ids = question_ids(folder)
    tables = [[], []]
    for number in range(12):
        tables[number % 2].append({"question_id": ids[number], "right": 16 - number, "responses": 16})
    for name, table in zip(("even", "odd"), tables, strict=True):
        rates_in(folder, f"{name}.{kind.partition('.')[2]}", table)
    rate = {"range": [0.5, 0.75], "from": "student/*" + kind[1:]}
    _, counts = packed(folder, curate={"pass_rate": rate, "duplicates": {"exact": False}})
    assert numbers(counts) == [4, 5, 6, 7, 8]


def test_tables_and_responses_may_lie_together(folder):
    """Tables in two folders by one name, responses beside one of them, and a file that is neither."""
    ids = question_ids(folder)
    for name, number in (("one", 3), ("two", 5)):
        rates_in(folder, "rates.csv", [{"question_id": ids[number], "pass_rate": 0.5}]).rename(
            (folder / name).with_suffix(".csv")
        )
        (folder / name).mkdir()
        (folder / name).with_suffix(".csv").rename(folder / name / "rates.csv")
    runs.write_lines(folder / "two/rows.jsonl", [row(7, 8)])
    (folder / "two/readme.md").write_text("of the student")
    rate = {"range": [0.5, 0.5], "from": ["one/rates.csv", "two"]}
    _, counts = packed(folder, curate={"pass_rate": rate, "duplicates": {"exact": False}})
    assert numbers(counts) == [3, 5, 7]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "question_id,pass_rate\n1,0.5,3\n", "another number of fields"),
        ("a.csv", "question_id,pass_rate\n1\n", "another number of fields"),
        ("a.csv", "question_id,pass_rate\n1,often\n", "`pass_rate` is not between 0 and 1"),
        ("a.csv", "question_id,right,responses\n1,0.5,2\n", "has no pass rate"),
        ("a.csv", "question_id,pass_rate\n,0.5\n", "line 2 has no `question_id`"),
        ("a.csv", "question_id,pass_rate\n", "hold no row"),
        ("a.json", '[{"question_id": 1, "pass_rate": 3}]', "row 0: `pass_rate` is not"),
        ("a.csv.gz", "question_id", "a.csv.gz"),
    ],
)
def test_tables_that_say_nothing_are_an_error(folder, name, text, said):
    (folder / name).write_text(text)
    with pytest.raises((DataError, RecipeError)) as error:
        packed(folder, curate={"pass_rate": {"range": [0, 1], "from": name}})
    assert said in str(error.value)


def test_a_glob_of_rates_that_matches_nothing_is_an_error(folder):
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        packed(folder, curate={"pass_rate": {"range": [0, 1], "from": "student/*.csv"}})


def test_a_class_that_rules_emptied_is_a_warning_in_summary_and_report(folder):
    tumors(folder)
    curate = {"accept": {"answer": "match"}, "stratify": {"sources": ["only"], "per_class": "min"}}
    summary, _ = packed(folder, path="rows/a.jsonl", curate=curate)
    warning = [line for line in summary.warnings if "`pituitary`" in line]
    assert len(warning) == 1
    assert "curate.accept" in warning[0]
    assert f"warning: {warning[0]}" in str(summary)
    assert json.loads(summary.to_json())["warnings"]
    page = page_of(report_of(folder / "out"))
    assert '<p class="warning">Warning: class `pituitary`' in page
