"""Rows as published sets have them, through a whole run: what the model sees, and what it learns."""

from __future__ import annotations

import json

import octomed
import pytest
from octomed.errors import DataError

from . import runs

ASKED = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


def packed(folder, rows, row_format, **options):
    """Pack rows of one source; return the texts of the traces, without the system message."""
    runs.write_lines(folder / "data/a.jsonl", rows)
    recipe = runs.write_recipe(folder, runs.one_source("data/a.jsonl", row_format, **options))
    summary = runs.pack(recipe, "output.path=out")
    return summary, sorted(text.split("Think.<|im_end|>\n", 1)[1] for text in runs.texts(folder / "out"))


def rejected(folder):
    return [(row["row"], row["sample"], row["reason"]) for row in runs.rejects(folder / "out")]


def said(question, answer):
    return f"{ASKED.format(question)}{answer}<|im_end|>\n"


def test_the_letters_that_the_model_sees_are_the_rows(tmp_path):
    row = {"question": "q", "responses": ["The answer is C."]}
    shapes = [
        {"A": "aspirin", "C": "codeine"},
        [{"key": "C", "value": "codeine"}, {"key": "A", "value": "aspirin"}],
        ["A. aspirin", "C. codeine", "D. digoxin"],
    ]
    _, texts = packed(tmp_path, [row | {"options": options} for options in shapes], "octomed")
    asked = [
        "q\nA. aspirin\nC. codeine",
        "q\nA. aspirin\nC. codeine\nD. digoxin",
        "q\nC. codeine\nA. aspirin",
    ]
    assert texts == sorted(said(question, "The answer is C.") for question in asked)


def test_reasoning_is_joined_and_never_dropped(tmp_path):
    contents = {
        "<think>\n\n</think>\n\nA.": "<think>\nR\n</think>\n\nA.",
        "`<think>` and `</think>` are tags": "<think>\nR\n</think>\n\n`<think>` and `</think>` are tags",
        "<think>\nR\n</think>\n\nB.": "<think>\nR\n</think>\n\nB.",
        "<think>other</think>C.": None,
    }
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{number}"},
                {"role": "assistant", "content": content, "reasoning_content": "R"},
            ]
        }
        for number, content in enumerate(contents)
    ]
    _, texts = packed(tmp_path, rows, "messages")
    assert texts == [said(number, text) for number, text in enumerate(contents.values()) if text]
    assert rejected(tmp_path) == [(3, 0, "two_reasonings")]


def test_a_turn_of_no_weight_is_seen_and_not_learned(tmp_path):
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "aaaa", "weight": 0},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "b"},
    ]
    rows = [{"messages": turns}, {"messages": [turns[0], turns[1] | {"content": "c"}]}]
    summary, texts = packed(tmp_path, rows, "messages")
    assert texts == [said("q", "aaaa") + said("q", "b")]
    assert summary.supervised_tokens == 2  # `b` and the end of its turn
    assert rejected(tmp_path) == [(1, 0, "no_supervised_tokens")]


def test_earlier_turns_of_alpaca_are_turns(tmp_path):
    row = {"instruction": "q2", "input": "", "output": "a2", "history": [["q1", "a1"]]}
    _, texts = packed(tmp_path, [row], "alpaca")
    assert texts == [said("q1", "a1") + said("q2", "a2")]


def test_a_response_written_out_of_columns_is_rejected_where_there_is_no_answer(tmp_path):
    rows = [
        {"question": f"{number}", "exp": "Because.", "cop": cop}
        for number, cop in enumerate([0, -1, 4, None, 2.0, "1"])
    ]
    rows += [{"question": "6", "exp": None, "cop": 1}, {"question": "7", "cop": 1}]
    mapping = {"question": "question", "response": "{{ exp }}\n\nAnswer: {{ 'ABCD'[cop] }}"}
    _, texts = packed(tmp_path, rows, mapping)
    assert texts == [said("0", "Because.\n\nAnswer: A"), said("4", "Because.\n\nAnswer: C")]
    assert rejected(tmp_path) == [(number, None, "no_answer") for number in (1, 2, 3, 5, 6, 7)]


@pytest.mark.parametrize("key", ["chosen", "rejected", "tools"])
def test_rows_that_are_no_examples_end_the_run_by_name(tmp_path, key):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    with pytest.raises(DataError, match=f"the row has `{key}`"):
        packed(tmp_path, [{"messages": turns, key: ["x"]}] * 5 + [{"messages": turns}], "messages")


def test_rows_about_two_pictures_are_no_duplicates_and_a_picture_is_never_left_out_unasked(tmp_path):
    rows = [
        {"question": "What?", "answer": "yes", "image_name": f"synpic{number}.jpg"} for number in range(4)
    ]
    rows += [{"question": "What?", "answer": "yes", "image_name": None}]
    mapping = {"question": "question", "response": "answer"}
    summary, _ = packed(tmp_path, rows, mapping)
    assert (summary.train, summary.rows_without_trace, summary.rejected) == (1, 4, {})
    summary, texts = packed(tmp_path / "asked", rows, mapping | {"image_columns": []})
    assert (summary.train, summary.rejected, summary.rows_without_pictures) == (5, {}, 4)
    assert texts == [said("What?", "yes")] * 5


def test_a_source_of_pictures_alone_says_what_to_do(tmp_path):
    rows = [{"question": "What?", "responses": ["yes"], "img": f"{number}.png"} for number in range(3)]
    with pytest.raises(DataError, match="3 without a trace: has_image") as error:
        packed(tmp_path, rows, "octomed")
    assert "`image_columns: []`" in error.value.hint
    with pytest.raises(DataError, match="3 has_image") as error:
        octomed.check(tmp_path / "recipe.yaml")
    assert "`image_columns: []`" in error.value.hint


def test_prompt_and_completion_learn_the_completion_alone(tmp_path):
    rows = [
        {"prompt": "q", "completion": "a"},
        {
            "prompt": [
                {"role": "user", "content": "q1"},
                {"role": "assistant", "content": "a1"},
                {"role": "user", "content": "q2"},
            ],
            "completion": [{"role": "assistant", "content": "a2"}],
        },
    ]
    summary, texts = packed(tmp_path, rows, "prompt-completion")
    assert texts == sorted([said("q", "a"), said("q1", "a1") + said("q2", "a2")])
    assert summary.supervised_tokens == 2 + 3  # `a`, `a2`, and the ends of their turns


def test_a_list_as_python_prints_it_in_csv(tmp_path):
    (tmp_path / "data").mkdir()
    row = ["q", str(["it's", 'a "b"']), json.dumps(["r"])]
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in row)
    (tmp_path / "data/a.csv").write_text(f"question,options,responses\n{quoted}\n", encoding="utf-8")
    runs.pack(runs.write_recipe(tmp_path, runs.one_source("data/a.csv")))
    (text,) = runs.texts(tmp_path / "out")
    assert said('q\nA. it\'s\nB. a "b"', "r") in text
