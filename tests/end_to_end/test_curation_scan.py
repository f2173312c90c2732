"""What the scan leaves out by what it measures; stricter thresholds are a selection, looser ones a scan."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import octomed
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError
from octomed.pipeline.finished.inspect_packs import inspect_pack
from octomed.pipeline.planning.inspect import inspect_row
from octomed.recipe import RecipeProblems, load_recipe
from octomed.run_file import load_run_file

from . import runs

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = ["A: aspirin", "B: ibuprofen", "C: heparin", "D: warfarin"]
RIGHT = "<think>It thins the blood, and works at once when given into a vein.</think> <answer>C</answer>"
WRONG = RIGHT.replace(">C<", ">B<")
LONG = RIGHT.replace("It thins", "word " * 40 + "It thins")
ABSENT = "<think>It thins the blood.</think> I have looked at all of them."
CUT = "<think>It thins the blood, and"
SEVERAL = RIGHT.replace(">C<", ">B or C<")
SAID = RIGHT.replace("a vein", "a vein of ann@example.org")


def row(number: int, *responses: str, **others: Any) -> dict[str, Any]:
    question = f"Which one is number {number}?"
    return {
        "question": question,
        "options": OPTIONS,
        "answer": "C: heparin",
        "responses": list(responses),
    } | others


ROWS = [row(number, RIGHT, WRONG, LONG, ABSENT, CUT, SEVERAL, SAID, " ") for number in range(6)]


def recipe_of(folder: Path, rows: list[dict[str, Any]], **curate: Any) -> dict[str, Any]:
    lines = "".join(json.dumps(one) + "\n" for one in rows)
    path = folder / "rows.jsonl"
    if not path.exists() or path.read_text() != lines:  # a file written again is another to the scan
        path.write_text(lines)
    recipe = runs.one_source("rows.jsonl")
    recipe["curate"] = curate
    return recipe


def packed(folder: Path, recipe: dict[str, Any], *overrides: str) -> Any:
    return runs.pack(runs.write_recipe(folder, recipe), *overrides)


def reasons(folder: Path) -> dict[int, tuple[str, str]]:
    """Reason and detail of the rejects of the first row, by response."""
    return {one["sample"]: (one["reason"], one["detail"]) for one in runs.rejects(folder) if one["row"] == 0}


def test_responses_are_accepted_by_their_answers(tmp_path):
    summary = packed(tmp_path, recipe_of(tmp_path, ROWS, accept={"answer": "match"}))
    assert reasons(tmp_path / "out") == {
        1: ("wrong_answer", ""),
        3: ("no_answer", ""),
        4: ("cut_response", ""),
        5: ("ambiguous_answer", ""),
        7: ("empty_response", ""),
    }
    assert summary.train == 18
    answers = load_run_file(tmp_path / "out").counts.sources["only"].answers
    assert answers == {"right": 18, "wrong": 6, "absent": 12, "cut": 6, "ambiguous": 6}
    assert ("  answers of `only`", "18 right, 12 absent, 6 ambiguous, 6 cut, 6 wrong") in summary.lines()
    assert not any("<answer>B" in text for text in runs.texts(tmp_path / "out"))


def test_what_is_measured_decides_and_is_said_without_a_text(tmp_path):
    limits = {
        "length": {"reasoning_words": [5, 30]},
        "unfinished": "reject",
        "identifying": {"kinds": ["email"], "action": "reject"},
    }
    packed(tmp_path, recipe_of(tmp_path, ROWS, **limits))
    assert reasons(tmp_path / "out") == {
        2: ("reasoning_length", "reasoning_words 53 > 30"),
        3: ("reasoning_length", "reasoning_words 4 < 5"),
        4: ("cut_response", ""),
        6: ("identifying", "email in the reasoning at byte 64"),
        7: ("empty_response", ""),
    }
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("rejects/*"))
    assert b"example" not in left


def test_stricter_thresholds_are_a_selection_and_looser_ones_a_scan(tmp_path):
    loose = {"length": {"reasoning_words": [0, 60]}, "refusals": "reject"}
    strict = {"length": {"reasoning_words": [5, 30]}, "refusals": "reject"}
    tight = recipe_of(tmp_path, ROWS, **strict)
    alone = packed(tmp_path, tight, "output.path=alone", "work.path=store-alone")
    wide = packed(tmp_path, recipe_of(tmp_path, ROWS, **loose))
    assert alone.train < wide.train
    beside = packed(tmp_path, tight, "output.path=beside")
    assert (beside.blocks_scanned, beside.blocks_reused) == (0, wide.blocks_scanned)
    assert runs.contents(tmp_path / "beside") == runs.contents(tmp_path / "alone") | changed(tmp_path)
    # The other way round the blocks lack what the looser thresholds let pass.
    again = packed(tmp_path, recipe_of(tmp_path, ROWS, **loose), "output.path=again", "work.path=store-alone")
    assert again.blocks_scanned == wide.blocks_scanned
    assert any("looser than those of its last scan: scanned again" in note for note in again.notes)
    assert runs.contents(tmp_path / "again") == runs.contents(tmp_path / "out") | changed(tmp_path, "again")
    last = packed(tmp_path, tight, "output.path=last", "work.path=store-alone")
    assert last.blocks_scanned == 0


def changed(folder: Path, name: str = "beside") -> dict[str, str]:
    """What names the output or the store in it: `octomed.json` has the recipe."""
    return {"octomed.json": runs.contents(folder / name)["octomed.json"]}


def test_counts_are_those_of_a_scan_with_the_same_thresholds(tmp_path):
    rows = [row(number, RIGHT, LONG) for number in range(4)]
    tight = recipe_of(tmp_path, rows, length={"reasoning_words": [0, 30]})
    packed(tmp_path, tight, "output.path=alone", "work.path=store-alone")
    packed(tmp_path, recipe_of(tmp_path, rows, length={"reasoning_words": [0, 90]}))
    packed(tmp_path, tight, "output.path=beside")
    counts = [load_run_file(tmp_path / name).counts for name in ("alone", "beside")]
    assert counts[0] == counts[1]


def test_a_row_without_a_right_answer_is_rejected_and_a_source_of_them_refused(tmp_path):
    rows = copy.deepcopy(ROWS[:2])
    rows[0]["answer"] = None
    recipe = recipe_of(tmp_path, rows, accept={})
    packed(tmp_path, recipe)
    assert {reason for reason, _ in reasons(tmp_path / "out").values()} == {"no_gold", "empty_response"}
    rows[1]["answer"] = ""
    recipe = recipe_of(tmp_path, rows, accept={})
    with pytest.raises(DataError, match="no row of source `only` has a right answer") as refused:
        packed(tmp_path, recipe, "output.path=other")
    assert "accept: off" in str(refused.value.hint)
    recipe["sources"][0]["curate"] = {"accept": "off"}
    assert packed(tmp_path, recipe, "output.path=other").train == 14


def test_a_right_answer_that_is_no_option_is_a_fault_of_the_row(tmp_path):
    rows = [row(0, RIGHT, answer="E"), row(1, RIGHT), row(2, RIGHT, options=["A: x", "B: x"], answer="A")]
    packed(tmp_path, recipe_of(tmp_path, rows, accept={}))
    found = {one["row"]: (one["reason"], one["detail"]) for one in runs.rejects(tmp_path / "out")}
    assert found == {
        0: ("gold_fault", "the gold answer is not among the options"),
        2: ("gold_fault", "two options have the text of the gold answer"),
    }


@pytest.mark.parametrize(
    ("curate", "kept"),
    [
        ({"keep": {"column": "correct", "is": True}}, [0, 2]),
        ({"where": {"level": [3, 4]}}, [0, 1, 2]),
        ({"where": {"level": ["4", "5"]}}, [0, 1, 2]),
        ({"where": {"reasoning_words": [40, 99]}}, [2]),
    ],
)
def test_columns_of_the_row_and_measured_values_decide(tmp_path, curate, kept):
    rows = [row(0, RIGHT, WRONG, LONG, correct=[True, False, True], level=4)]
    packed(tmp_path, recipe_of(tmp_path, rows * 2, **curate | {"duplicates": {"exact": False}}))
    left_out = {number for number, (reason, _) in reasons(tmp_path / "out").items() if reason == "not_kept"}
    assert sorted({0, 1, 2} - left_out) == kept


def test_a_reject_by_a_column_says_which_and_never_the_value(tmp_path):
    rows = [row(0, RIGHT, WRONG, LONG, correct=[True, False, True], site="Jane's clinic", level=3)]
    rows += [
        row(number, RIGHT, correct=[True], site="here", level=level) for number, level in ((1, 9), (2, None))
    ]
    curate = {
        "keep": {"column": "correct", "is": True},
        "where": {"site": ["here", "there"], "level": [1, 5], "reasoning_words": [1, 30]},
    }
    rows += [row(3, RIGHT, LONG, correct=[True, True], site="there", level=5)]
    packed(tmp_path, recipe_of(tmp_path, rows, **curate))
    found = [
        (one["row"], one["sample"], one["reason"], one["detail"]) for one in runs.rejects(tmp_path / "out")
    ]
    assert sorted(found) == [
        (0, 0, "not_kept", '`site` is not one of "here", "there"'),
        (0, 1, "not_kept", "`correct` is not true"),
        (0, 2, "not_kept", '`site` is not one of "here", "there"'),
        (1, 0, "not_kept", "`level` is not 1 to 5"),
        (2, 0, "not_kept", "`level` is not 1 to 5"),
        (3, 1, "not_kept", "`reasoning_words` is not 1 to 30"),
    ]
    assert not any(b"Jane" in path.read_bytes() for path in tmp_path.rglob("rejects/*"))


def test_a_list_of_another_length_than_the_responses_is_a_reject_of_the_row(tmp_path):
    rows = [row(0, RIGHT, correct=[True, False]), row(1, RIGHT, correct=[True])]
    packed(tmp_path, recipe_of(tmp_path, rows, keep={"column": "correct", "is": True}))
    (found,) = runs.rejects(tmp_path / "out")
    assert (found["reason"], found["detail"]) == ("wrong_type", "values in correct: 2, responses: 1")


def test_identifying_data_are_masked_before_they_are_rendered(tmp_path):
    rows = [
        row(0, SAID, question="Ask bob@example.org which?"),
        row(1, RIGHT),
    ]
    mask = {"kinds": ["email"], "action": "mask"}
    packed(tmp_path, recipe_of(tmp_path, rows, identifying=mask))
    texts = sorted(runs.texts(tmp_path / "out"))
    assert len(texts) == 2
    assert sum(text.count("[EMAIL]") for text in texts) == 2
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("store/**/*") if path.is_file())
    assert not any(b"example.org" in data for data in (stored, "".join(texts).encode()))


def test_identifying_data_are_listed_by_kind_and_place(tmp_path):
    rows = [row(0, SAID, RIGHT, question="Ask 1 Call 212-555-0123. Which?")]
    packed(tmp_path, recipe_of(tmp_path, rows, identifying={"action": "report"}))
    found = pq.read_table(tmp_path / "out/reports/identifying.parquet").to_pylist()
    assert [(one["sample"], one["field"], one["kind"], one["at"], one["packed"]) for one in found] == [
        (0, "question", "phone", 11, True),
        (0, "reasoning", "email", None, True),
        (1, "question", "phone", 11, True),
    ]
    assert runs.rejects(tmp_path / "out") == []


def test_a_row_is_inspected_with_what_is_measured_of_it(tmp_path):
    path = runs.write_recipe(tmp_path, recipe_of(tmp_path, ROWS, accept={}))
    views = inspect_row(load_recipe(path), "only", 0)
    assert [(view.verdict, view.answer) for view in views][:2] == [
        ("kept", "right"),
        ("wrong_answer", "wrong"),
    ]
    assert views[2].measures["reasoning_words"] == 53
    plain = inspect_row(load_recipe(path, ["curate.accept=off"]), "only", 0)
    assert (plain[0].answer, plain[0].measures) == (None, {})


def test_a_group_and_a_source_win_over_the_recipe(tmp_path):
    recipe = recipe_of(
        tmp_path,
        ROWS,
        accept={},
        duplicates={"exact": False},
        groups={"free": {"accept": "off", "length": {"reasoning_words": [0, 30]}}},
    )
    (source,) = recipe["sources"]
    recipe["sources"] = [
        source | {"name": "strict"},
        source | {"name": "grouped", "group": "free"},
        source | {"name": "own", "group": "free", "curate": {"length": "off"}},
    ]
    packed(tmp_path, recipe)
    accounts = load_run_file(tmp_path / "out").counts.sources
    assert [accounts[name].train for name in ("strict", "grouped", "own")] == [18, 36, 42]
    assert accounts["own"].answers == {}


def test_a_conversation_is_measured_by_its_last_response(tmp_path):
    def chat(last: str) -> dict[str, Any]:
        said = [("user", "Which?"), ("assistant", "One."), ("user", "Why?"), ("assistant", last)]
        return {"messages": [{"role": role, "content": content} for role, content in said]}

    runs.write_lines(tmp_path / "chats.jsonl", [chat(RIGHT), chat(CUT), chat(LONG)])
    recipe = runs.one_source("chats.jsonl", "messages")
    recipe["curate"] = {"unfinished": "reject", "length": {"reasoning_words": [5, 30]}}
    packed(tmp_path, recipe)
    found = {one["row"]: one["reason"] for one in runs.rejects(tmp_path / "out")}
    assert found == {1: "cut_response", 2: "reasoning_length"}


def test_why_a_response_ended_can_be_a_column(tmp_path):
    rows = [row(0, RIGHT, LONG, why=["stop", "length"])]
    recipe = recipe_of(tmp_path, rows, unfinished="reject")
    recipe["sources"][0]["format"] = {"preset": "octomed", "finish_reason": "why"}
    packed(tmp_path, recipe)
    assert reasons(tmp_path / "out") == {1: ("cut_response", "")}


def test_a_recipe_without_curation_makes_what_it_made_before_there_was_any(tmp_path):
    runs.make_inputs(tmp_path, rows=40)
    plain = packed(tmp_path, runs.values())
    files = {path.suffix for path in (tmp_path / "store/blocks").rglob("*") if path.is_file()}
    assert files == {".ids", ".index", ".json"}
    index = next((tmp_path / "store/blocks").rglob("*.index")).read_bytes()
    assert not any(
        word in index for word in (b'"measures":', b'"bands":', b'"questions":', b'"limits":', b'"answers":')
    )
    # What is off everywhere asks the scan nothing: the same keys, the same blocks.
    off = runs.values() | {"curate": {"accept": "off", "length": "off", "refusals": "off"}}
    again = packed(tmp_path, off, "output.path=off")
    assert (again.blocks_scanned, again.blocks_reused) == (0, plain.blocks_scanned)
    shards = [
        {name: digest for name, digest in runs.contents(tmp_path / out).items() if "shard" in name}
        for out in ("out", "off")
    ]
    assert shards[0] == shards[1]


def test_a_damaged_measure_is_made_again(tmp_path):
    recipe = recipe_of(tmp_path, ROWS, length={"reasoning_words": [0, 60]})
    packed(tmp_path, recipe)
    expected = runs.contents(tmp_path / "out")
    for kind in ("measures", "index"):
        if kind == "measures":
            runs.damage(next((tmp_path / "store/blocks").rglob("*.measures")))
        strict = recipe_of(tmp_path, ROWS, length={"reasoning_words": [0, 30]})
        summary = packed(tmp_path, strict, f"output.path={kind}")
        assert summary.blocks_scanned == (1 if kind == "measures" else 0)
    assert any("could not be read" in note for note in load_run_file(tmp_path / "measures").run.made_again)
    assert expected == runs.contents(tmp_path / "out")


@pytest.mark.parametrize(
    ("curate", "said"),
    [
        ({"accept": {"answer": "yes"}}, "`curate.accept.answer` may not be the text 'yes'"),
        ({"lenght": {}}, "did you mean `length`?"),
        ({"length": {"reasoning_word": [1, 2]}}, "did you mean `reasoning_words`?"),
        ({"groups": {"nobody": {}}}, "no source is in group `nobody`"),
        ({"where": {"script_share": [0.5, 1]}}, "`language: {script"),
        ({"where": {"loop_words": ["many"]}}, "is a number"),
    ],
)
def test_mistakes_are_named(tmp_path, curate, said):
    recipe = recipe_of(tmp_path, ROWS, **curate)
    with pytest.raises(RecipeProblems) as problems:
        load_recipe(runs.write_recipe(tmp_path, recipe))
    assert said in json.dumps([str(problems.value), problems.value.hint], ensure_ascii=False)


MRN = "MRN: 4471902"


@pytest.mark.parametrize("action", ["mask", "reject"])
def test_an_answer_that_is_learned_is_searched_as_responses_are(tmp_path, action):
    """`target: answer` learns the right answer's text, which is no response and no text of the question."""
    rows = [
        {"question": f"Who is it, {number}?", "answer": f"The patient of {MRN}", "responses": ["x"]}
        for number in range(3)
    ]
    runs.write_lines(tmp_path / "rows.jsonl", rows)
    runs.write_model(tmp_path / "model")
    recipe = {
        "name": "answers",
        "model": str(tmp_path / "model"),
        "template": "qwen2.5",
        "sources": [{"name": "one", "path": str(tmp_path / "rows.jsonl"), "format": "octomed"}],
        "target": "answer",
        "curate": {"accept": "off", "identifying": {"action": action}},
        "output": {"path": str(tmp_path / "out")},
        "work": {"path": str(tmp_path / "store")},
    }
    if action == "reject":
        with pytest.raises(DataError):
            octomed.pack(recipe, workers=1)
        return
    assert octomed.pack(recipe, workers=1).train == 3
    views = inspect_pack(tmp_path / "out", "len-01024", 0)
    texts = b"".join(b"".join(view.token_texts) for view in views)
    assert b"[RECORD" in texts
    assert b"4471902" not in texts
