"""Which accepted traces stay, how often, and which are for validation: decided without a scan."""

from __future__ import annotations

import json
import random
from collections import Counter

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError, RecipeError

from . import runs


def write(small, **keys):
    """Write the recipe of small inputs again, with groups and more keys."""
    recipe = json.loads(small.read_text(encoding="utf-8"))
    for source, group in zip(recipe["sources"], ("text", "chat", "text"), strict=True):
        source["group"] = group
    recipe.update(keys)
    return runs.write_recipe(small.parent, recipe)


def packed(small, *overrides, **keys):
    """Pack the recipe anew over the same store; the summary and the provenance of every trace."""
    summary = runs.pack(write(small, **keys), *overrides, replace=True)
    out = small.parent / "out"
    tables = [pq.ParquetFile(path).read() for path in sorted((out / "provenance").glob("*.parquet"))]
    assert octomed.verify(out).findings == ()
    return summary, pa.concat_tables(tables).to_pylist()


def ids(rows, *, validation=False):
    return {row["trace_id"] for row in rows if (row["stream"] == "validation") == validation}


def places(rows):
    return {(row["source"], row["file"], row["row"], row["sample"]) for row in rows}


def questions_of(folder):
    """The question of each place, as the rows of small inputs have it."""
    found = {}
    for name in ("a.jsonl", "b.jsonl"):
        lines = (folder / "data/questions" / name).read_text(encoding="utf-8").splitlines()
        for row, line in enumerate(lines):
            found["questions", name, row] = json.loads(line)["question"]
    return found


def test_fewer_traces_of_a_question_are_among_more_and_nothing_is_scanned_again(small):
    kept = {}
    for number in (3, 2, 1):
        keep = {"keep": number, "by": "random"}
        summary, rows = packed(small, curate={"traces_per_question": keep})
        assert summary.blocks_scanned == 0 or number == 3
        kept[number] = ids(rows)
        asked = questions_of(small.parent)
        counts = Counter(
            asked[row["source"], row["file"], row["row"]] for row in rows if row["source"] == "questions"
        )
        assert max(counts.values()) == number
    assert kept[1] < kept[2] < kept[3]
    details = {
        one["detail"] for one in runs.rejects(small.parent / "out") if one["reason"] == "traces_per_question"
    }
    assert details == {f"1 of the {count} traces of its question are kept: random" for count in (2, 3)}
    assert summary.warnings == []


def test_the_diverse_are_no_near_copies_of_each_other(small):
    draw = random.Random(5)
    texts = [" ".join(draw.choice(runs.WORDS) for _ in range(60)) for _ in range(3)]
    near = [f"{text} {end}" for text in texts for end in ("a", "b", "c", "d")]
    row = {"question": "Which?", "options": ["a", "b"], "responses": near}
    runs.write_lines(small.parent / "data/questions/a.jsonl", [row])
    runs.write_lines(small.parent / "data/questions/b.jsonl", [])
    for number in (3, 2):
        keep = {"keep": number, "by": "diverse"}
        _, rows = packed(small, curate={"traces_per_question": keep})
        samples = [row["sample"] for row in rows if row["source"] == "questions"]
        assert len({sample // 4 for sample in samples}) == len(samples) == number


def test_a_number_keeps_the_first(small):
    _, rows = packed(small, curate={"traces_per_question": 1})
    assert all(row["sample"] == 0 for row in rows if row["source"] == "questions")


def test_lists_exclude_traces_and_rows_and_name_lines_without_one(small):
    _, rows = packed(small)
    gone = rows[7]["trace_id"]
    (small.parent / "one.txt").write_text(
        f"# withdrawn\n{gone}  # by letter\n\nchats:c.parquet:4\n", encoding="utf-8"
    )
    (small.parent / "two.txt").write_text(
        f"{gone - 2**64 if gone >= 2**63 else gone:#x}\nother:x:1\n123\n", encoding="utf-8"
    )
    before = places(rows)
    summary, rows = packed(small, curate={"exclude": ["one.txt", "two.txt"]})
    assert summary.blocks_scanned == 0
    assert gone not in ids(rows)
    out = [one for one in runs.rejects(small.parent / "out") if one["reason"] == "excluded"]
    assert {one["detail"] for one in out} == {"named by one.txt:2", "named by one.txt:4"}
    assert not any(place[:3] == ("chats", "c.parquet", 4) for place in places(rows))
    assert {(one["source"], one["file"], one["row"], one["sample"]) for one in out} >= before - places(rows)
    assert "nothing in this run is named by two.txt:2, two.txt:3" in summary.plain()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("some words", "line 1: `some words` names nothing"),
        ("\na:b", "line 2: `a:b` names nothing"),
        ("a:b:-1", "`a:b:-1` names nothing"),
        ("::3", "`::3` names nothing"),
        (str(2**64), "names nothing"),
        (str(-(2**63) - 1), "names nothing"),
    ],
)
def test_a_line_that_names_nothing_is_an_error(small, text, words):
    (small.parent / "list.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        runs.pack(write(small, curate={"exclude": "list.txt"}))


def test_a_list_that_cannot_be_read_is_an_error(small):
    with pytest.raises(RecipeError, match=r"recipe.yaml:.*cannot be read"):
        runs.pack(write(small, curate={"exclude": "no-such-list.txt"}))
    (small.parent / "list.txt").write_bytes(b"\xff\xfe1")
    with pytest.raises(DataError, match="is not UTF-8"):
        runs.pack(write(small, curate={"exclude": "list.txt"}))


def test_validation_is_a_stream_of_its_own_and_parts_no_question(small):
    summary, rows = packed(small, validation={"share": 0.2})
    assert summary.validation == len(ids(rows, validation=True)) > 20
    assert summary.train == len(ids(rows))
    assert not ids(rows) & ids(rows, validation=True)
    asked = questions_of(small.parent)
    sides = {}
    for row in rows:
        if row["source"] == "questions":
            question = asked[row["source"], row["file"], row["row"]]
            sides.setdefault(question, set()).add(row["stream"] == "validation")
    assert all(len(side) == 1 for side in sides.values())
    run = json.loads((small.parent / "out/octomed.json").read_text())
    assert run["streams"]["validation"]["longest_trace"] == 1024
    assert run["streams"]["validation"]["traces"] == run["counts"]["validation"]
    assert runs.pack(small).already_done
    # What is validated on is not trained on in any epoch, and the same whatever the mix.
    held_out = ids(rows, validation=True)
    _, rows = packed(small, validation={"share": 0.2}, mix={"text": 2, "chat": 0.5})
    assert ids(rows, validation=True) == held_out
    assert not ids(rows) & held_out


def test_groups_have_epochs_and_copies_lie_apart(small):
    summary, once = packed(small)
    assert summary.copies == 0
    summary, rows = packed(small, mix={"text": 2, "chat": 0.5})
    assert summary.blocks_scanned == 0
    counts = Counter((row["source"], row["trace_id"]) for row in rows)
    assert {count for (source, _), count in counts.items() if source != "chats"} == {2}
    chats = {trace for source, trace in counts if source == "chats"}
    assert chats < {row["trace_id"] for row in once if row["source"] == "chats"}
    assert 40 < len(chats) < 110
    packs = Counter((row["stream"], row["pack"], row["trace_id"]) for row in rows)
    assert set(packs.values()) == {1}
    assert summary.copies == sum(count - 1 for count in counts.values()) == sum(row["copy"] for row in rows)
    assert summary.train == len(counts)
    assert summary.rejected["not_in_mix"] == len(ids(once)) - len(counts)
    # The halves are the same whatever else is set.
    _, rows = packed(small, mix={"text": 1.5, "chat": 0.5}, curate={"traces_per_question": 1})
    assert chats == {row["trace_id"] for row in rows if row["source"] == "chats"}
    other, rows = packed(small, "pack.seed=4", mix={"text": 2, "chat": 0.5})
    assert other.blocks_scanned == 0
    assert chats != {row["trace_id"] for row in rows if row["source"] == "chats"}


def test_examples_of_a_group_are_limited_in_whole_questions(small):
    _, all_rows = packed(small)
    summary, rows = packed(small, mix={"text": {"max_examples": 100}, "chat": 0})
    assert {row["source"] for row in rows} == {"questions", "chains"}
    assert 97 <= summary.train <= 100
    asked = questions_of(small.parent)
    whole = Counter(asked.get((row["source"], row["file"], row["row"])) for row in all_rows)
    found = Counter(asked.get((row["source"], row["file"], row["row"])) for row in rows)
    assert all(whole[question] == count for question, count in found.items() if question)
    details = {one["detail"] for one in runs.rejects(small.parent / "out") if one["reason"] == "not_in_mix"}
    assert details == {
        "group `chat` has no epoch",
        "group `text` has 100 examples at most, and other questions were drawn",
    }


def test_one_epoch_of_each_group_is_the_run_without_a_mix(small):
    first = runs.pack(write(small))
    before = runs.contents(small.parent / "out")
    key = json.loads((small.parent / "out/octomed.json").read_text())["run"]["write_key"]
    again = runs.pack(write(small, mix={"text": 1, "chat": {"epochs": 1.0}}), replace=True)
    assert json.loads((small.parent / "out/octomed.json").read_text())["run"]["write_key"] == key
    after = runs.contents(small.parent / "out")
    assert {name for name in after if after[name] != before[name]} == {"octomed.json"}
    assert first.packs == again.packs


def test_any_number_of_workers_gives_the_same_bytes(small):
    write(small, validation={"share": 0.1}, mix={"text": 2.5}, curate={"traces_per_question": 2})
    found = []
    for workers in (1, 8):
        runs.pack(small, workers=workers)
        found.append(runs.contents(small.parent / "out"))
        runs.remove_output(small)
    assert found[0] == found[1]


def test_a_run_without_anything_to_train_on_is_an_error(small):
    with pytest.raises(DataError, match=r"no trace is left to pack: .* not_in_mix"):
        runs.pack(write(small, mix={"text": 0, "chat": 0}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"mix": {"texts": 1}}, "no source is in the group `texts`"),
        ({"mix": {"text": -1}}, "must be at least 0"),
        ({"mix": {"text": 65}}, "must be at most 64"),
        ({"mix": {"text": "twice"}}, "mapping"),
        ({"mix": {"text": True}}, "mapping"),
        ({"mix": {"text": {"max_examples": 0}}}, "must be at least 1"),
        ({"mix": {"text": {"epoch": 2}}}, "unknown key"),
        ({"validation": {"share": 0}}, "must be more than 0"),
        ({"validation": {"share": 1.0}}, "must be less than 1"),
        ({"validation": {}}, "share"),
        ({"validation": {"share": 0.1, "by": "trace"}}, "question"),
        ({"curate": {"traces_per_question": 0}}, "must be at least 1"),
        ({"curate": {"traces_per_question": {"keep": 4, "by": "best"}}}, "first"),
        ({"curate": {"exclude": []}}, "must not be empty"),
        ({"curate": {"exclude": 3}}, "path"),
    ],
)
def test_keys_that_make_no_sense_are_refused(small, keys, words):
    with pytest.raises(RecipeError) as error:
        runs.pack(write(small, **keys))
    assert words in str(error.value) + str(error.value.hint), error.value


@pytest.mark.long
def test_one_question_with_a_million_responses(tmp_path):
    runs.write_model(tmp_path)
    question = {"question": "Which of a million?", "options": ["yes", "no"]}
    each = 100_000
    rows = [
        {**question, "responses": [f"It is {part * each + one}." for one in range(each)]}
        for part in range(10)
    ]
    runs.write_lines(tmp_path / "rows.jsonl", rows)
    recipe = runs.one_source("rows.jsonl")
    recipe["curate"] = {"traces_per_question": {"keep": 16, "by": "random"}}
    summary = runs.pack(runs.write_recipe(tmp_path, recipe))
    assert (summary.rows, summary.traces) == (10, 10 * each)
    assert summary.rejected == {"traces_per_question": 10 * each - 16}
