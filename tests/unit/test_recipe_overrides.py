"""`--set key=value` is the same as editing the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.recipe import RecipeProblems, load_recipe

from tests.unit import recipes

CHANGES = st.sampled_from(
    [
        (("pack", "capacity"), 4096),
        (("pack", "buckets"), [100, 200]),
        (("pack", "buckets", 0), 7),
        (("pack",), {"seed": 1}),
        (("name",), "other"),
        (("system",), "line one\nline: two #three"),
        (("system",), None),
        (("output", "compression"), None),
        (("output", "compression"), "br:3"),
        (("output", "hashes"), []),
        (("curate", "duplicates", "exact"), True),
        (("sources", 0, "path"), "data/b.jsonl"),
        (("sources", 1, "path", 0), "data/b.jsonl"),
        (("sources", 0, "format", "answer"), "gold"),
        (("sources", 0, "name"), "renamed"),
        (("sources", 1), {"name": "x", "path": "data", "format": {"question": "q", "response": "r"}}),
        (("work", "keep"), True),
        (("pack", "capacity"), "wrong"),
        (("nonsense",), 3),
        (("pack", "capcity"), 3),
        (("sources", 1, "nonsense"), 3),
    ]
)


def edited(changes):
    values = recipes.values()
    for way, value in changes:
        parent = values
        for part in way[:-1]:
            parent = parent[part]
        parent[way[-1]] = value
    return values


def option(way, value):
    flow = recipes.to_yaml({"value": value}).removeprefix("value:").strip("\n")
    return ".".join(str(part) for part in way) + "=" + flow


def outcome(path, options=()):
    try:
        recipe = load_recipe(path, options)
    except RecipeProblems as error:
        return sorted(problem.message for problem in error.problems)
    return recipe.canonical(), recipe.model_dump()


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(CHANGES, max_size=3, unique_by=lambda change: change[0][:1]))
def test_setting_equals_editing(changes):
    with tempfile.TemporaryDirectory() as folder:
        plain = recipes.write(Path(folder), recipes.values())
        changed = outcome(plain, [option(way, value) for way, value in changes])
        assert changed == outcome(recipes.write(Path(folder), edited(changes)))


def test_sources_are_set_by_name(tmp_path):
    values = recipes.values()
    values["sources"][0]["name"] = "medical-o1.v2"
    recipe = load_recipe(
        recipes.write(tmp_path, values), ["sources.medical-o1.v2.group=g", "sources.second.group=h"]
    )
    assert [source.group for source in recipe.sources] == ["g", "h"]


def test_a_part_that_is_not_written_is_made(tmp_path):
    values = recipes.values()
    del values["curate"], values["work"]
    recipe = load_recipe(
        recipes.write(tmp_path, values), ["curate.duplicates.exact=false", "work.keep=false"]
    )
    assert (recipe.curate.duplicates.exact, recipe.work.keep) == (False, False)


def test_the_last_of_two_wins(tmp_path):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()), ["pack.seed=1", "pack.seed=2"])
    assert recipe.pack.seed == 2


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("pack.capacity", "written `key=value`"),
        ("=3", "written `key=value`"),
        ("sources.medqq.path=x", "`sources` has no `medqq`"),
        ("sources.9.path=x", "`sources` has no `9`"),
        ("name.x=3", "`name` holds one value"),
        ("prompt={{ question }}", "a key must be a word"),
        ("name=[", "this is not YAML"),
        ("pack.buckets.x=3", "`pack.buckets` has no `x`"),
    ],
)
def test_what_is_said_about_an_option(tmp_path, written, said):
    with pytest.raises(RecipeProblems) as caught:
        load_recipe(recipes.write(tmp_path, recipes.values()), [written])
    problem = caught.value.problems[0]
    assert said in problem.message
    assert str(problem.place) == f"`--set {written}`"


def test_an_unknown_source_gets_the_nearest_name(tmp_path):
    with pytest.raises(RecipeProblems, match="did you mean `medqa`") as caught:
        load_recipe(recipes.write(tmp_path, recipes.values()), ["sources.medqq.path=x", "pack.seed=-1"])
    assert len(caught.value.problems) == 2
