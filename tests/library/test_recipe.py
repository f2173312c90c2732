"""A recipe as a Python value: read, changed, written, and read again."""

from __future__ import annotations

import pickle

import octomed
import pytest
from octomed.errors import RecipeError
from octomed.recipe import RecipeProblems, schema
from ruamel.yaml import YAML

from tests.library.made import recipe


def test_a_file_and_its_text_make_the_same_recipe(tmp_path):
    (tmp_path / "made.yaml").write_text(octomed.Recipe.from_dict(recipe(tmp_path)).to_yaml())
    read = octomed.Recipe.from_file(tmp_path / "made.yaml", "pack.capacity=128")
    assert read.pack.capacity == 128
    assert YAML(typ="safe").load(read.to_yaml()) == read.to_dict()
    (tmp_path / "again.yaml").write_text(read.to_yaml())
    assert octomed.Recipe.from_file(tmp_path / "again.yaml").to_dict() == read.to_dict()
    assert isinstance(read, schema.Recipe)
    assert type(octomed.load_recipe(tmp_path / "made.yaml")) is octomed.Recipe


@pytest.mark.parametrize(
    "name", ["quickstart", "quickstart-curation", "quickstart-images", "quickstart-held-out"]
)
def test_a_shipped_recipe_survives_its_text(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = octomed.Recipe.shipped(name)
    assert shipped.output.path == str(tmp_path / f"runs/{name}")
    (tmp_path / "text.yaml").write_text(shipped.to_yaml())
    assert octomed.Recipe.from_file("text.yaml").to_dict() == shipped.to_dict()


def test_overrides_come_after_those_that_there_are(tmp_path):
    made = octomed.Recipe.from_dict(recipe(tmp_path), "pack.capacity=128")
    other = made.with_overrides("pack.seed=3", "pack.capacity=512")
    assert (other.pack.capacity, other.pack.seed) == (512, 3)
    assert (made.pack.capacity, made.pack.seed) == (128, 17)
    assert other.overrides == ("pack.capacity=128", "pack.seed=3", "pack.capacity=512")
    with pytest.raises(RecipeProblems, match="unknown key `sed`"):
        made.with_overrides("pack.sed=3")


def test_a_recipe_packs_and_its_run_says_so(tmp_path):
    made = octomed.Recipe.from_dict(recipe(tmp_path))
    planned = octomed.plan(made)
    assert planned.estimate().traces == 9
    assert octomed.pack(made).sums_agree
    assert octomed.Run(tmp_path / "run").file.recipe == made.to_dict()
    assert octomed.pack(pickle.loads(pickle.dumps(made))).already_done


def test_what_is_no_recipe_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="a recipe is a path or a dict, not a list"):
        octomed.Recipe.from_dict([])
    with pytest.raises(RecipeError, match="there is no recipe `quickstrat`"):
        octomed.Recipe.shipped("quickstrat")
    with pytest.raises(RecipeProblems, match="does not exist"):
        octomed.Recipe.from_dict(
            recipe(tmp_path, work={"path": str(tmp_path)})
            | {"sources": [{"name": "a", "path": "gone.jsonl"}]}
        )
    with pytest.raises(RecipeError, match="`overrides` is a single string"):
        octomed.load_recipe(recipe(tmp_path), "pack.capacity=8")
