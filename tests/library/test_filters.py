"""Rules of the user's own: what they see, what they leave out, what they cost, what is refused."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import pickle
import subprocess
import sys
import textwrap

import octomed
import pytest
from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.pipeline.calls.filters import DEFAULT_COLUMNS
from octomed.pipeline.planning.plan import plan
from octomed.pipeline.planning.run_spec import run_spec

from tests.library import rules
from tests.library.made import ROWS, digests, recipe

LONG = functools.partial(octomed.Filter, rules.long_answers)
SAYS = functools.partial(octomed.Filter, rules.says)


def test_what_filters_leave_out_is_a_reject_by_their_name(tmp_path):
    summary = octomed.pack(
        recipe(tmp_path), filters=[SAYS(version=1, name="calm"), LONG(version="2")], workers=1
    )
    assert summary.sums_agree
    short = [row for row in ROWS if len(row["a"]) <= 12 and "bad" not in row["a"]]
    bad = [row for row in ROWS if "bad" in row["a"]]
    assert summary.rejected == {"calm": len(bad), "long_answers": len(short)}
    run = octomed.Run(tmp_path / "run")
    found = {row["row"]: (row["sample"], row["detail"]) for row in run.rejects(reason="calm")}
    assert found == {ROWS.index(row): (0, f"{row['a'].count('bad')} times") for row in bad}
    assert [row["detail"] for row in run.rejects(reason="long_answers")] == [""] * len(short)
    assert run.verify().findings == ()
    calm, long = run.file.filters
    assert (calm.name, calm.place, calm.version) == ("calm", "tests.library.rules.says", "1")
    assert (long.name, long.version, len(long.source)) == ("long_answers", "2", 32)


def test_the_summary_says_what_filters_cost(tmp_path):
    summary = octomed.pack(recipe(tmp_path), filters=[SAYS(version=1), LONG(version=1)], workers=1)
    assert summary.filters["says"]["traces"] == len(ROWS)
    assert summary.filters["long_answers"]["traces"] == len(ROWS) - summary.rejected["says"]
    assert 0 < summary.filters["says"]["seconds"] < summary.seconds["scan"]
    assert "filter says" in str(summary)
    assert f"for {len(ROWS)} traces" in str(summary)
    again = octomed.pack(recipe(tmp_path), filters=[SAYS(version=1), LONG(version=1)], workers=1)
    assert again.already_done
    assert "not called, for no block was scanned" in str(again)


def test_a_function_gets_the_columns_that_it_asks_for(tmp_path):
    rows = [
        {"q": "Which?", "o": ["a fever", "a cough"], "g": "A", "s": ["<think>Hot.</think>A", "", "B"]},
        {"q": "Who?", "o": ["one", "two"], "g": "B", "s": ["B"]},
    ]
    form = {"question": "q", "options": "o", "answer": "g", "responses": "s"}
    made = recipe(tmp_path, rows)
    made["sources"][0]["format"] = form
    rules.SEEN.clear()
    columns = ["response", "messages", "question", "options", "gold", "reasoning", "answer", "images"]
    columns += ["source", "file", "position", "sample"]
    octomed.pack(made, filters=[octomed.Filter(rules.recorded, version=1, columns=columns)], workers=1)
    seen = rules.SEEN[0]
    assert seen.schema.names == columns
    first, second, third = seen.to_pylist()
    assert first["messages"] == [
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "content": "<think>Hot.</think>A"},
    ]
    del first["messages"]
    assert first == {
        "response": "<think>Hot.</think>A",
        "question": "Which?",
        "options": ["a fever", "a cough"],
        "gold": "A",
        "reasoning": "Hot.",
        "answer": "A",
        "images": 0,
        "source": "rows",
        "file": "rows.jsonl",
        "position": 0,
        "sample": 0,
    }
    assert (second["sample"], second["response"], second["reasoning"]) == (2, "B", None), (
        "the blank one is none"
    )
    assert third["position"] == len(json.dumps(rows[0])) + 1
    assert set(DEFAULT_COLUMNS) == set(columns) - {"messages"}
    assert _octomed.FILTER_COLUMNS[:2] == ["source", "file"]


def test_conversations_and_images_are_seen(tmp_path):
    rules.SEEN.clear()
    made = octomed.Recipe.shipped("quickstart", f"output.path={tmp_path}/run", f"work.path={tmp_path}/work")
    chosen = octomed.Filter(
        rules.recorded, version=1, columns=["images", "messages"], sources=["films", "dialogues"]
    )
    summary = octomed.pack(made, filters=[chosen], workers=1)
    assert summary.filters["recorded"]["traces"] == sum(
        summary.sources[name]["traces"] for name in ("films", "dialogues")
    )
    seen = [row for batch in rules.SEEN for row in batch.to_pylist()]
    assert {row["images"] for row in seen} >= {0, 1}
    turns = [[turn["role"] for turn in row["messages"]] for row in seen]
    assert ["user", "assistant", "user", "assistant"] in turns


def test_filters_come_last_and_see_masked_texts(tmp_path):
    rows = [
        {"q": "Who asks?", "a": "Write to anna.b@example.org about the fever."},
        {"q": "Why?", "a": "So."},
    ]
    curate = {"identifying": {"action": "mask"}, "length": {"response_words": [2, 100]}}
    rules.SEEN.clear()
    summary = octomed.pack(
        recipe(tmp_path, rows, curate=curate), filters=[octomed.Filter(rules.recorded, version=1)], workers=1
    )
    assert summary.rejected == {"reasoning_length": 1}
    (seen,) = rules.SEEN[0].column("response").to_pylist()
    assert "example.org" not in seen
    assert seen.startswith("Write to ")


def test_stricter_thresholds_scan_again_where_filters_are(tmp_path):
    def packed(where, most):
        made = recipe(tmp_path, curate={"length": {"response_words": [1, most]}}, output={"path": str(where)})
        return octomed.pack(made, filters=[LONG(version=1)], workers=1)

    packed(tmp_path / "loose", 100)
    strict = packed(tmp_path / "strict", 8)
    assert strict.blocks_scanned == 1, "a filter sees other batches now"
    assert strict.rejected.keys() == {"reasoning_length", "long_answers"}


def test_the_key_holds_version_and_source(tmp_path, monkeypatch):
    (tmp_path / "own_rule.py").write_text("def rule(batch):\n    return [True] * batch.num_rows\n")
    monkeypatch.syspath_prepend(tmp_path)
    own_rule = importlib.import_module("own_rule")
    made = recipe(tmp_path)
    octomed.pack(made, filters=[octomed.Filter(own_rule.rule, version=1)], workers=1)
    with pytest.raises(RecipeError, match="other filters: filter `rule`: version 1 → 2"):
        octomed.pack(made, filters=[octomed.Filter(own_rule.rule, version=2)], workers=1)
    with pytest.raises(RecipeError, match="other filters: filter `rule` is gone"):
        octomed.pack(made, workers=1)
    (tmp_path / "own_rule.py").write_text(
        "def rule(batch):\n    return [row > 0 for row in range(batch.num_rows)]\n"
    )
    with pytest.raises(RecipeError, match="changed since it was imported"):
        octomed.Filter(own_rule.rule, version=1)
    own_rule = importlib.reload(own_rule)
    with pytest.raises(RecipeError, match="the source of its module `own_rule` changed") as refused:
        octomed.pack(made, filters=[octomed.Filter(own_rule.rule, version=1)], workers=1)
    assert "filters=[…], replace=True" in refused.value.hint


def test_a_run_without_filters_is_as_before(tmp_path):
    made = recipe(tmp_path)
    octomed.pack(made, workers=1)
    plain = digests(tmp_path / "run")
    octomed.pack(made, filters=[LONG(version=1)], workers=1, replace=True)
    assert digests(tmp_path / "run") != plain
    summary = octomed.pack(made, workers=1, replace=True)
    assert (summary.blocks_scanned, summary.filters) == (0, {})
    assert digests(tmp_path / "run") == plain


def test_any_number_of_workers_writes_the_same_bytes(tmp_path):
    rows = [
        {"q": f"Which of {number}?", "a": ["Rest, and water.", "bad", "Both of them, and sleep."]}
        for number in range(300)
    ]
    found = []
    for workers in (1, 3):
        folder = tmp_path / str(workers)
        folder.mkdir()
        (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        made = recipe(folder)
        made["sources"][0]["format"] = {"question": "q", "responses": "a"}
        octomed.pack(made, filters=[SAYS(version=1), LONG(version=1)], workers=workers)
        found.append(digests(folder / "run"))
    assert found[0] == found[1]


def test_a_question_with_many_responses_comes_in_several_batches(tmp_path):
    rules.SEEN.clear()
    rows = [{"q": "x " * 2**19, "a": [f"Response {number}." for number in range(40)]}]
    made = recipe(tmp_path, rows, curate={"over_long": "reject"}, pack={"capacity": 2**20, "buckets": []})
    made["sources"][0]["format"] = {"question": "q", "responses": "a"}
    octomed.pack(
        made, filters=[octomed.Filter(rules.recorded, version=1, columns=["question", "sample"])], workers=1
    )
    sizes = [batch.num_rows for batch in rules.SEEN if batch.num_rows not in {16, 20}]
    assert sum(batch.num_rows for batch in rules.SEEN) >= 40
    assert sizes
    assert max(batch.nbytes for batch in rules.SEEN) < 40 * 2**20


def test_nothing_left_names_the_filter(tmp_path):
    with pytest.raises(DataError, match=f"{len(ROWS)} rejected: none_at_all"):
        octomed.pack(recipe(tmp_path), filters=[octomed.Filter(rules.none_at_all, version=1)], workers=1)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (rules.fails, "failed at rows/rows.jsonl row 0: ValueError: cannot read"),
        (rules.too_few, "returned a list of 8 for 9 traces from rows/rows.jsonl row 0 on"),
        (rules.nulls, "returned an array of bool with 9 nulls"),
        (rules.numbers, "returned a list with int and str"),
        (rules.details, "returned a list with bool and int"),
        (rules.texts, "returned a str"),
        (rules.shape, r"returned an array of shape \[9, 1\]"),
        (rules.by_chance, "says two things of rows/rows.jsonl row"),
        (rules.by_batch, "says two things of rows/rows.jsonl row"),
    ],
)
def test_a_function_that_fails_is_named_with_its_row(tmp_path, rule, said):
    with pytest.raises(DataError, match=said) as failed:
        octomed.pack(recipe(tmp_path), filters=[octomed.Filter(rule, version=1)], workers=1)
    assert f"`{rule.__name__}` (`tests.library.rules.{rule.__name__}`)" in failed.value.message
    assert failed.value.hint


def test_the_row_that_a_function_fails_at_is_found(tmp_path):
    rows = [*({"q": "Why?", "a": f"So, {number}."} for number in range(37)), {"q": "What?", "a": "bad"}]
    with pytest.raises(DataError, match="row 37: ValueError: cannot read 3 characters"):
        octomed.pack(recipe(tmp_path, rows), filters=[octomed.Filter(rules.fails, version=1)], workers=1)


def in_main(batch):
    return [True] * batch.num_rows


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda batch: [batch], "cannot be a lambda"),
        (rules.made_inside(), "is made inside another function"),
        (functools.partial(rules.says), "this is a partial"),
        (rules.Rules().method, "this is a method"),
        (rules.Rules, "this is a type"),
        (len, "this is a builtin_function_or_method"),
        (rules.yields, "returns no values when it is called"),
        (None, "this is a NoneType"),
    ],
)
def test_what_cannot_be_imported_elsewhere_is_refused(function, said):
    with pytest.raises(RecipeError, match=said):
        octomed.Filter(function, version=1)


def test_a_function_of_main_is_refused_and_a_static_one_is_not(monkeypatch):
    monkeypatch.setattr(in_main, "__module__", "__main__")
    with pytest.raises(RecipeError, match="`in_main` is of `__main__`") as refused:
        octomed.Filter(in_main, version=1)
    assert "%%writefile my_rules.py" in refused.value.hint
    assert octomed.Filter(rules.Rules.static, version=1).record.function == "Rules.static"


def test_a_function_that_hides_under_another_name_is_refused(monkeypatch):
    monkeypatch.setattr(rules, "says", rules.fails)
    with pytest.raises(RecipeError, match=r"`tests\.library\.rules\.says` is not the function"):
        octomed.Filter(SAYS.args[0], version=1)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"version": ""}, "`version` of a filter is ''"),
        ({"version": None}, "`version` of a filter is None"),
        ({"version": True}, "`version` of a filter is True"),
        ({"version": "1\n"}, "cannot be printed"),
        ({"version": 1, "name": "Says"}, "cannot be named `Says`"),
        ({"version": 1, "name": "duplicate"}, "`duplicate` is a reason already"),
        ({"version": 1, "name": "invalid_json"}, "`invalid_json` is a reason already"),
        ({"version": 1, "columns": ["respones"]}, "filters see no column `respones`"),
        ({"version": 1, "columns": []}, "without columns sees nothing"),
        ({"version": 1, "columns": "response"}, "`columns` of a filter is a single text"),
    ],
)
def test_wrong_words_about_a_filter_are_refused(keys, said):
    with pytest.raises(RecipeError, match=said):
        octomed.Filter(rules.says, **keys)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ([SAYS(version=1), SAYS(version=2)], "two filters are named `says`"),
        ([SAYS(version=1, sources=["rwos"])], "filter `says`: the recipe has no source `rwos`"),
        ([rules.says], "not a function"),
    ],
)
def test_filters_that_do_not_go_with_the_recipe_are_refused(tmp_path, filters, said):
    with pytest.raises(RecipeError, match=said):
        octomed.pack(recipe(tmp_path), filters=filters, workers=1)


ELSEWHERE = textwrap.dedent(
    """
    import pickle, sys
    from pathlib import Path
    from octomed.pipeline.calls.work import scan_task
    result = scan_task(pickle.loads(Path(sys.argv[1]).read_bytes()))
    print(sum(result.scanned.headers[0].filtered.values()), sorted(result.scanned.filters))
    """
)


def scanned_elsewhere(tmp_path, spec, folder):
    store = tmp_path / f"store-{len(list(tmp_path.iterdir()))}"
    (tmp_path / "task.pickle").write_bytes(pickle.dumps(dataclasses.replace(spec, store=store)))
    return subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path / "task.pickle")],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_a_task_is_scanned_by_another_process_that_can_import_the_module(tmp_path, monkeypatch):
    (tmp_path / "node").mkdir()
    (tmp_path / "node/node_rule.py").write_text(
        "def rule(batch):\n    return ['bad' not in text for text in batch['response'].to_pylist()]\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "node")
    rule = octomed.Filter(importlib.import_module("node_rule").rule, version=1)
    spec = run_spec(plan(octomed.load_recipe(recipe(tmp_path)), filters=(rule.record,)), 1)
    done = scanned_elsewhere(tmp_path, spec.tasks[0], tmp_path / "node")
    assert done.stdout.split() == ["3", "['rule']"], done.stderr
    failed = scanned_elsewhere(tmp_path, spec.tasks[0], tmp_path)
    assert "the filter `rule` cannot be imported" in failed.stderr
    (tmp_path / "node/node_rule.py").write_text("def rule(batch):\n    return [True] * batch.num_rows\n")
    failed = scanned_elsewhere(tmp_path, spec.tasks[0], tmp_path / "node")
    assert "is not what the run was planned with" in failed.stderr


def test_a_repair_needs_filters_only_for_what_is_lost(tmp_path):
    made = recipe(tmp_path)
    filters = [SAYS(version=1), LONG(version=1)]
    octomed.pack(made, filters=filters, workers=1)
    before = digests(tmp_path / "run")
    (tmp_path / "run/rejects/rows.parquet").unlink()
    next((tmp_path / "run").glob("*/shard.*")).unlink()
    repaired = octomed.verify(tmp_path / "run", repair=True)
    assert len(repaired.repaired.rebuilt) == 2
    assert repaired.findings == ()
    assert digests(tmp_path / "run") == before

    next((tmp_path / "run").glob("*/shard.*")).unlink()
    for block in (tmp_path / "work/blocks").glob("*/*"):
        block.unlink()
    with pytest.raises(
        RecipeError, match=r"lost blocks .* packed with filters: `says` \(tests.library.rules.says"
    ) as refused:
        octomed.verify(tmp_path / "run", repair=True)
    assert "filters=[octomed.Filter(tests.library.rules.says, version='1'" in refused.value.hint
    with pytest.raises(RecipeError, match="packed with other filters: filter `says`: version 1 → 2"):
        octomed.verify(tmp_path / "run", repair=True, filters=[SAYS(version=2), LONG(version=1)])
    repaired = octomed.verify(tmp_path / "run", repair=True, filters=filters)
    assert repaired.findings == ()
    assert digests(tmp_path / "run") == before
