"""A starter recipe passes `octomed check` and packs, for rows of every format and for those of none."""

from __future__ import annotations

import json

import octomed
import pytest
from octomed.errors import RecipeError
from octomed.pipeline.inputs.nearest_format import suiting_formats
from octomed.recipe import load_recipe
from octomed.recipe.presets import load_preset
from octomed.starter.draft import look
from octomed.starter.guess import COMPLETE
from octomed.starter.starting import start
from octomed.starter.wanted import wanted_of
from ruamel.yaml import YAML

from tests.starter.rows import CHAT, COMPARED, LEARNED, picture, written

TEXT = [{"messages": CHAT}]


def started(path, folder, monkeypatch, **options):
    monkeypatch.chdir(folder)
    paths = path if isinstance(path, list) else [path]
    return start([str(one) for one in paths], folder, **options)


def values_of(text):
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(
    ("name", "rows", "kind"),
    LEARNED,
    ids=[f"{name}-{kind}-{at}" for at, (name, _, kind) in enumerate(LEARNED)],
)
def test_the_format_of_rows_is_found(name, rows, kind, tmp_path, monkeypatch):
    path = written(rows, kind, tmp_path)
    monkeypatch.chdir(tmp_path)
    (named,) = wanted_of([path.name]).datasets
    looked = look(named, tmp_path)
    row_format = looked.values["format"]
    columns = [column.name for column in looked.columns]
    # Two formats that read the same columns alike are one.
    assert (row_format if isinstance(row_format, str) else row_format["preset"]) in suiting_formats(columns)
    assert (load_preset(name).keys() & {"messages", "responses"}) <= load_preset(
        suiting_formats(columns)[0]
    ).keys()
    assert looked.is_complete


def test_rows_of_every_format_give_a_recipe_that_packs(tmp_path, monkeypatch):
    paths = [
        written(rows, kind, tmp_path / f"{name}-{at}", f"{name}-{at}")
        for at, (name, rows, kind) in enumerate(LEARNED)
    ]
    found = started([path.relative_to(tmp_path) for path in paths], tmp_path, monkeypatch)
    assert found.problem is None, found.problem
    (tmp_path / "recipe.yaml").write_text(found.text, encoding="utf-8")
    # Rows of different formats may say the same: none of them is to be missed for that.
    summary = octomed.pack(tmp_path / "recipe.yaml", overrides=["curate.duplicates.exact=false"], workers=1)
    assert summary.sums_agree
    assert all(one["train"] for one in summary.sources.values())
    assert len(summary.sources) == len(LEARNED)


@pytest.mark.parametrize(("name", "rows", "kind"), COMPARED)
def test_an_evaluation_set_beside_rows_is_left_out_of_them(name, rows, kind, tmp_path, monkeypatch):
    (tmp_path / "benchmarks").mkdir()
    compared = written(rows, kind, tmp_path / "benchmarks", "set")
    learned = written(TEXT, "jsonl", tmp_path)
    found = started([learned.name, compared], tmp_path, monkeypatch)
    assert found.problem is None, found.problem
    values = values_of(found.text)
    assert [one["name"] for one in values["sources"]] == ["rows"] or len(values["sources"]) == 1
    assert [one["format"] for one in values["curate"]["decontaminate"]["against"]] == [name]


def test_evaluation_sets_alone_teach_nothing(tmp_path, monkeypatch):
    _, rows, kind = COMPARED[0]
    path = written(rows, kind, tmp_path)
    with pytest.raises(RecipeError, match="evaluation sets, and nothing is learned"):
        started(path, tmp_path, monkeypatch)


def test_columns_of_no_format_are_guessed_by_their_names(tmp_path, monkeypatch):
    rows = [{"case_text": "A cough.", "doctor_reply": "Rest.", "chain_of_thought": "Hm.", "n": 3}]
    path = written(rows, "jsonl", tmp_path)
    found = started(path.name, tmp_path, monkeypatch)
    row_format = values_of(found.text)["sources"][0]["format"]
    assert row_format == {"question": COMPLETE, "response": "doctor_reply", "reasoning": "chain_of_thought"}
    assert "nearest format" in " ".join(found.notes)
    completed = found.text.replace(COMPLETE, "case_text")
    (tmp_path / "recipe.yaml").write_text(completed, encoding="utf-8")
    assert octomed.check(tmp_path / "recipe.yaml").ok


def test_a_response_is_learned_and_no_answer_in_its_place(tmp_path, monkeypatch):
    """These columns would suit a format that learns the right answer, a letter, and reads no response."""
    row = {"question": "Why?", "options": ["fever", "chill"], "answer": "A", "reasoning": "It is hot."}
    path = written([row | {"response": "The answer is A."}], "jsonl", tmp_path)
    (source,) = values_of(started(path.name, tmp_path, monkeypatch).text)["sources"]
    assert source["format"]["response"] == "response"
    assert source["format"]["reasoning"] == "reasoning"


def test_turns_with_names_of_their_own_are_mapped(tmp_path, monkeypatch):
    turns = [{"speaker": "patient", "utterance": "It hurts."}, {"speaker": "doctor", "utterance": "Where?"}]
    path = written([{"dialogue": turns}], "jsonl", tmp_path)
    found = started(path.name, tmp_path, monkeypatch)
    assert found.problem is None, found.problem
    messages = values_of(found.text)["sources"][0]["format"]["messages"]
    assert messages["roles"] == {"patient": "user", "doctor": "assistant"}


def test_images_that_are_not_there_are_to_be_named(tmp_path, monkeypatch):
    rows = [{"image": "a/b.png", "question": "What?", "answer": "That."}]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(rows[0]), encoding="utf-8")
    found = started(path.name, tmp_path, monkeypatch)
    assert COMPLETE in str(found.problem)
    (tmp_path / "pictures/a").mkdir(parents=True)
    (tmp_path / "pictures/a/b.png").write_bytes(picture())
    again = started(path.name, tmp_path, monkeypatch)
    assert again.problem is None, again.problem
    assert values_of(again.text)["sources"][0]["format"]["image_root"] == "pictures"
    assert values_of(again.text)["model"].endswith("VL-7B-Instruct")


def test_of_several_splits_train_is_read(tmp_path, monkeypatch):
    for split in ("train", "test"):
        written(TEXT, "jsonl", tmp_path / "rows", split)
    found = started("rows", tmp_path, monkeypatch)
    assert found.problem is None, found.problem
    assert values_of(found.text)["sources"][0]["split"] == "train"


def test_rows_inside_an_object_are_found(tmp_path, monkeypatch):
    (tmp_path / "rows.json").write_text(json.dumps({"data": TEXT}), encoding="utf-8")
    found = started("rows.json", tmp_path, monkeypatch)
    assert found.problem is None, found.problem
    assert values_of(found.text)["sources"][0]["rows"] == "data"


def test_a_recipe_elsewhere_leads_to_the_same_rows(tmp_path, monkeypatch):
    written(TEXT, "jsonl", tmp_path / "data [1]", "ro$ws")
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path)
    found = start(["data [1]/ro$ws.jsonl"], tmp_path / "recipes")
    assert found.problem is None, found.problem
    recipe = tmp_path / "recipes/one.yaml"
    recipe.write_text(found.text, encoding="utf-8")
    assert octomed.check(recipe).ok


def test_capacity_and_buckets_follow_from_the_lengths(tmp_path, monkeypatch):
    long = [
        {"messages": [CHAT[0], {"role": "assistant", "content": "word " * words}]} for words in (90, 9000)
    ]
    path = written(long, "jsonl", tmp_path)
    pack = values_of(started(path.name, tmp_path, monkeypatch).text)["pack"]
    assert pack["capacity"] == 16384
    assert all(edge < pack["capacity"] for edge in pack["buckets"])


def test_texts_of_a_table_without_names_are_not_shown(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("Mr Smith coughs since May,He shall rest\nb,c\n", encoding="utf-8")
    found = started("rows.csv", tmp_path, monkeypatch)
    said = " ".join([*found.notes, str(found.problem), found.text])
    assert "Smith" not in said


def test_every_comment_is_one_line_whatever_columns_are_called(tmp_path, monkeypatch):
    rows = [{"messages": CHAT, "evil\nsources": 1}]
    path = written(rows, "jsonl", tmp_path)
    found = started(path.name, tmp_path, monkeypatch)
    (tmp_path / "recipe.yaml").write_text(found.text, encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.yaml").name == found.looked[0].name
