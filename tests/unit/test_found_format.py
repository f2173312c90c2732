"""A source without `format`: the one that its columns have is found and said, or the columns are listed."""

from __future__ import annotations

import csv
import gzip
import json

import octomed
import pyarrow as pa
import pyarrow.parquet
import pytest
from octomed.errors import DataError
from octomed.pipeline.planning.plan import plan
from octomed.recipe import RecipeProblems, load_recipe

from tests.end_to_end import runs

ROWS = [{"question": f"{number}?", "options": ["a", "b"], "responses": ["x", "y"]} for number in range(5)]
CHAINS = [{"Question": "why?", "Complex_CoT": "hm", "Response": "so"}] * 4


def recipe(folder, path, **keys):
    values = runs.values()
    values["sources"] = [{"name": "only", "path": path, **keys}]
    return load_recipe(runs.write_recipe(folder, values))


def write(folder, name, rows):
    path = folder / name
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(".arrow"):
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    elif name.endswith((".csv", ".tsv")):
        with path.open("w") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if name.endswith("tsv") else ",")
            writer.writeheader()
            writer.writerows(rows)
    elif name.endswith(".json"):
        path.write_text(json.dumps(rows))
    else:
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)
    return name


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.json", "a.jsonl.gz", "a.parquet", "a.arrow", "a.csv", "a.tsv"]
)
def test_a_format_is_found_in_every_kind_of_file(tmp_path, name):
    planned = plan(recipe(tmp_path, write(tmp_path, name, CHAINS)))
    assert planned.recipe.sources[0].format == "huatuo-o1"
    (note,) = planned.notes()
    assert note.startswith("source `only`: no `format`, and the columns are those of `huatuo-o1`: ")
    assert note.endswith(": Question, Complex_CoT, Response")


@pytest.mark.parametrize(
    "text", ['{"Question": "why?",\n "Complex_CoT": "hm", "Response": "so"}\n' * 2, '{"a": %s, "b": %s}']
)
def test_a_format_is_found_in_objects_over_several_lines_and_in_objects_of_rows(tmp_path, text):
    (tmp_path / "a.json").write_text(text.replace("%s", json.dumps(CHAINS[0])))
    assert plan(recipe(tmp_path, "a.json")).recipe.sources[0].format == "huatuo-o1"


def test_rows_of_a_document_are_looked_at_where_the_source_says(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"data": CHAINS, "more": [{"x": 1}]}))
    assert plan(recipe(tmp_path, "a.json", rows="data")).recipe.sources[0].format == "huatuo-o1"


def test_what_is_packed_is_what_the_format_by_name_packs(tmp_path):
    write(tmp_path, "a.jsonl", ROWS)
    found, named = recipe(tmp_path, "a.jsonl"), recipe(tmp_path, "a.jsonl", format="octomed")
    keys = [task.key for _, task in plan(found).tasks()]
    assert keys == [task.key for _, task in plan(named).tasks()]
    octomed.pack(found, workers=1)
    run = json.loads((tmp_path / "out/octomed.json").read_text())
    assert run["recipe"]["sources"][0]["format"] == "octomed"
    assert "format" in run["run"]["notes"][0]
    assert octomed.pack(found, workers=1).already_done
    assert "no `format`, and the columns are those of `octomed`" in str(octomed.check(found))


def test_a_format_is_found_beside_a_folder_of_images(tmp_path):
    (tmp_path / "images").mkdir()
    turns = [{"from": "human", "value": "<image>?"}, {"from": "gpt", "value": "x"}]
    row = {"image": "a.png", "conversations": turns}
    write(tmp_path, "a.jsonl", [row])
    found = recipe(tmp_path, "a.jsonl", format={"image_root": "images"})
    named = recipe(tmp_path, "a.jsonl", format={"preset": "llava", "image_root": "images"})
    planned = plan(found)
    (source,) = planned.recipe.sources
    assert (source.format.preset, source.image_roots) == ("llava", (str(tmp_path / "images"),))
    assert [task.key for _, task in planned.tasks()] == [task.key for _, task in plan(named).tasks()]
    assert planned.notes()[0].startswith(
        "source `only`: no `preset` in `format`, and the columns are those of `llava`: "
    )
    assert planned.recipe.canonical()["sources"] == plan(named).recipe.canonical()["sources"]
    write(tmp_path, "a.jsonl", [{"messages": [], "conversations": []}])
    with pytest.raises(
        RecipeProblems, match="has no `preset` in its `format`, and its columns suit"
    ) as error:
        plan(recipe(tmp_path, "a.jsonl", format={"image_root": "images"}))
    assert "sources.only.format.preset" in error.value.problems[0].hint


def test_a_format_is_found_only_where_nothing_is_said_of_columns(tmp_path):
    write(tmp_path, "a.jsonl", ROWS)
    (tmp_path / "images").mkdir()
    for other in ({"unused": ["x"]}, {"images": "image"}, {"system": "s"}):
        with pytest.raises(RecipeProblems):
            recipe(tmp_path, "a.jsonl", format={"image_root": "images", **other})
    with pytest.raises(RecipeProblems):
        recipe(tmp_path, "a.jsonl", format={})


@pytest.mark.parametrize(
    ("rows", "message", "hint"),
    [
        (
            [{"question": "q", "answer": "a"}],
            "its columns are those of none: columns here: question, answer",
            "name a",
        ),
        (
            [{"question": "q", "options": ["x"], "response": "r"}],
            "`octomed` (without `responses`)",
            "`sources.only.format`",
        ),
        (
            [{"messages": [], "conversations": []}],
            "suit several that differ: `messages`, `sharegpt`; columns here: messages, conversations",
            "say which",
        ),
        ([{}], "its columns are those of none: columns here: none", "name a format"),
    ],
)
def test_columns_of_no_format_or_of_several_are_listed(tmp_path, rows, message, hint):
    write(tmp_path, "a.jsonl", rows)
    with pytest.raises(RecipeProblems) as error:
        plan(recipe(tmp_path, "a.jsonl"))
    (problem,) = error.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert problem.place.line > 1


def test_an_evaluation_set_is_named_and_not_learned(tmp_path):
    row = {"question": "q", "options": {"A": "x"}, "label": "A", "id": "1"}
    write(tmp_path, "a.jsonl", [row])
    with pytest.raises(RecipeProblems, match="those of `medxpertqa`, an evaluation set") as error:
        plan(recipe(tmp_path, "a.jsonl"))
    assert "`format: {preset: medxpertqa, response: …}`" in error.value.problems[0].hint


def test_a_first_row_that_is_no_header_is_not_printed(tmp_path):
    (tmp_path / "a.csv").write_text("Mrs Miller has a fever since 3 days,Ibuprofen 400\nb,c\n")
    with pytest.raises(RecipeProblems) as error:
        plan(recipe(tmp_path, "a.csv"))
    assert "Miller" not in str(error.value)
    assert "2 whose names are not shown" in str(error.value)


def test_a_file_that_cannot_be_read_gives_way_to_the_next_where_it_is_skipped(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    write(tmp_path, "data/b.jsonl", ROWS)
    planned = plan(recipe(tmp_path, "data", on_bad_file="skip"))
    assert planned.recipe.sources[0].format == "octomed"
    with pytest.raises(DataError, match=r"a\.jsonl\.gz"):
        plan(recipe(tmp_path, "data"))


@pytest.mark.parametrize(
    ("keys", "split"),
    [({"path": "test.jsonl"}, "test"), ({"path": "data", "split": ["train", "test"]}, "test")],
)
def test_answers_of_a_test_split_are_not_learned_unasked(tmp_path, keys, split):
    row = {"question": "q", "response": "r", "img_name": "x.jpg", "answer": "a"}
    (tmp_path / "data").mkdir()
    for name in ("data/train.jsonl", "data/test.jsonl", "test.jsonl"):
        write(tmp_path, name, [row])
    with pytest.raises(RecipeProblems, match=f"reads the {split} split of `slake`, an evaluation set"):
        plan(recipe(tmp_path, **keys, format="slake"))
    plan(recipe(tmp_path, "data", split="train", format="slake"))
    plan(recipe(tmp_path, **keys, format={"preset": "slake", "response": "answer"}))
