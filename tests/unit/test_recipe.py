"""What a good recipe becomes: types, defaults, paths."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from octomed.recipe import RecipeProblems, load_recipe, schema_json
from pydantic import ValidationError

from tests.unit import recipes


def test_every_key_arrives(tmp_path):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()))
    assert recipe.name == "mini"
    assert recipe.pack.edges == (512, 2048, 8192)
    assert recipe.output.shard_size == 64 * 2**20
    assert recipe.output.compression == "zstd:3"
    assert recipe.sources[0].max_unreadable == 0.05
    assert recipe.sources[0].mapping == {"question": "q", "options": "o", "answer": "a", "response": "r"}
    assert recipe.curate.duplicates.exact is False
    assert recipe.work.keep is False


def test_defaults_are_those_of_the_design(tmp_path):
    text = """
name: t
model: m
sources: [{name: s, path: data, format: {question: q, response: r}}]
output: {path: out}
"""
    recipe = load_recipe(recipes.write(tmp_path, text))
    assert recipe.pack.edges == (1024, 4096, 16384)
    assert recipe.pack.seed == 17
    assert recipe.output.compression == "zstd:1"
    assert recipe.output.hashes == ("xxh3_64",)
    assert recipe.output.shard_size == 2**27
    assert recipe.curate.over_long == "reject"
    assert recipe.curate.duplicates.exact is True
    assert recipe.sources[0].max_unreadable == 0.01
    assert recipe.sources[0].on_bad_file == "error"
    assert recipe.supervise == "all"
    assert recipe.work.path == str(tmp_path / ".octomed")


def test_relative_paths_start_at_the_recipe(tmp_path, monkeypatch):
    path = recipes.write(tmp_path / "deep", recipes.values())
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("deep/recipe.yaml")
    assert recipe.file == path
    assert recipe.sources[0].path == (f"{path.parent}/data/*.jsonl",)
    assert recipe.output.path == f"{path.parent}/out"
    assert recipe.work.path == f"{path.parent}/store"


def test_variables_expand_in_paths_only(tmp_path, monkeypatch):
    monkeypatch.setenv("WHERE", "data")
    monkeypatch.setenv("NAME", "x")
    values = recipes.values()
    values["system"] = "costs $NAME"
    values["sources"][0]["path"] = "${WHERE}/*.jsonl"
    values["output"]["path"] = "$WHERE/a$$b"
    recipe = load_recipe(recipes.write(tmp_path, values))
    assert recipe.sources[0].path == (f"{tmp_path}/data/*.jsonl",)
    assert recipe.output.path == f"{tmp_path}/data/a$b"
    assert recipe.system == "costs $NAME"


def test_canonical_holds_no_path_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("WHERE", str(tmp_path))
    values = recipes.values()
    values["sources"][0]["path"] = "$WHERE/data/*.jsonl"
    recipe = load_recipe(recipes.write(tmp_path, values))
    assert str(tmp_path) not in repr(recipe.canonical())
    assert recipe.canonical()["sources"][0]["path"] == ["$WHERE/data/*.jsonl"]
    assert recipe.canonical()["pack"] == {
        "capacity": 8192,
        "buckets": [512, 2048],
        "seed": 3,
        "traces_per_image": 1,
        "max_patches": None,
    }


def test_yaml_is_of_version_1_2(tmp_path):
    text = recipes.to_yaml(recipes.values()) + "\n"
    text = text.replace("system: Think first.", "system: off").replace("capacity: 8192", "capacity: 8_192")
    text = text.replace("max_unreadable: 0.05", "max_unreadable: 5e-2")
    recipe = load_recipe(recipes.write(tmp_path, text))
    assert recipe.system == "off"
    assert recipe.pack.capacity == 8192
    assert recipe.sources[0].max_unreadable == 0.05


def test_a_recipe_cannot_be_changed(tmp_path):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()))
    with pytest.raises(ValidationError):
        recipe.name = "other"


def test_a_recipe_crosses_processes_with_its_places(tmp_path):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()))
    copied = pickle.loads(pickle.dumps(recipe))
    assert copied == recipe
    assert copied.written_at("pack", "seed").line == recipe.written_at("pack", "seed").line > 1


def test_edges_at_or_above_the_capacity_are_left_out_with_a_note(tmp_path):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()), ["pack.buckets=[512, 8192, 9000]"])
    assert recipe.pack.edges == (512, 8192)
    assert len(recipe.notes()) == 2


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("65536", 65536),
        ("64KiB", 65536),
        ("64 kb", 64000),
        ("1.5 MiB", 1572864),
        ("1GiB", 2**30),
        ("8192B", 8192),
    ],
)
def test_sizes_have_units(tmp_path, written, size):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()), [f"output.shard_size={written}"])
    assert recipe.output.shard_size == size


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("none", None),
        ("null", None),
        ("zstd", "zstd"),
        ("zstd:22", "zstd:22"),
        ("br:0", "br:0"),
        ("snappy", "snappy"),
    ],
)
def test_compressions(tmp_path, written, kept):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()), [f"output.compression={written}"])
    assert recipe.output.compression == kept


def test_the_schema_says_what_keys_are():
    schema = schema_json()
    assert schema["properties"]["output"]["description"] == "Where the shards go."
    assert set(schema["required"]) == {"name", "model", "sources", "output"}


def test_a_problem_crosses_processes(tmp_path):
    with pytest.raises(RecipeProblems) as caught:
        load_recipe(recipes.write(tmp_path, recipes.values()), ["pack.seed=x", "pack.capacity=y"])
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)
    assert copied.problems == caught.value.problems


def test_a_template_file_starts_at_the_recipe(tmp_path):
    path = recipes.write(tmp_path, recipes.values())
    Path(tmp_path / "chat.jinja").write_text("{{ messages }}")
    assert load_recipe(path, ["template=chat.jinja"]).template == str(tmp_path / "chat.jinja")
    assert load_recipe(path, ["template=qwen2.5"]).template == "qwen2.5"
    with pytest.raises(RecipeProblems, match="does not exist"):
        load_recipe(path, ["template=other.jinja"])


def test_a_recipe_of_local_paths_says_nothing_of_stores(tmp_path):
    """What a run notes of its recipe is as it was before there were addresses."""
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()), check_files=False)
    assert recipe.addresses == []
    for noted in (recipe.canonical(), recipe.model_dump(mode="json")):
        assert "stores" not in noted
        assert set(noted["output"]) == {"path", "compression", "hashes", "shard_size", "mode"}
        assert set(noted["work"]) == {"path", "keep", "mode"}


def test_keys_of_stores_that_mean_nothing_are_named(tmp_path):
    path = recipes.write(tmp_path, recipes.values())  # which keeps no blocks
    scratch, size = ["work.scratch=scratch"], ["work.max_size=1GB"]
    notes = load_recipe(path, [*scratch, *size], check_files=False).notes()
    assert any("`work.scratch`" in note and "not used" in note for note in notes)
    assert any("`work.max_size`" in note and "not used" in note for note in notes)
    used = ["work.keep=true", "work.path=s3://bucket/work"]
    notes = load_recipe(path, [*scratch, *size, *used], check_files=False).notes()
    assert not any("not used" in note for note in notes)
