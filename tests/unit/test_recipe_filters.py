"""Keys of curation as they are typed: what is read, what is refused, and what wins over what."""

from __future__ import annotations

import pytest
from octomed.recipe import load_recipe
from octomed.recipe.curate import (
    Decontaminate,
    GroupFilters,
    Mix,
    Near,
    PassRate,
    Stratify,
    TracesPerQuestion,
    Validation,
)
from octomed.recipe.filters import Filters
from octomed.recipe.scan_curation import scan_curation
from pydantic import TypeAdapter, ValidationError

from . import recipes

WRITTEN = {
    "accept": {"answer": "match", "match": {"token_f1": 0.5}, "format": ["think", "answer"]},
    "keep": [{"column": "correctness", "is": True}],
    "where": {"difficulty": [3, 6], "specialty": ["cardiology", "3"]},
    "length": {"reasoning_words": [16, 8192], "response_words": None},
    "repetition": {"ngram": 10, "max_ngram_share": 0.2, "max_line_share": 0.3, "max_loop_words": 50},
    "unfinished": "reject",
    "refusals": "off",
    "language": {"script": "latin", "min_share": 0.9},
    "identifying": {"kinds": ["email", "phone"], "action": "mask"},
}


def test_filters_are_dumped_as_they_are_written():
    assert Filters.model_validate(WRITTEN).model_dump(mode="json") == WRITTEN
    assert Filters().model_dump(mode="json") == {}


def test_one_condition_is_a_list_of_one():
    filters = Filters.model_validate({"keep": {"column": "c", "is": "yes"}, "where": {"c": True}})
    assert filters.model_dump(mode="json") == {
        "keep": [{"column": "c", "is": "yes"}],
        "where": {"c": [True]},
    }


def test_what_is_written_nearer_wins():
    outer = Filters.model_validate({"accept": {"answer": "match"}, "refusals": "reject"})
    inner = GroupFilters.model_validate({"accept": "off", "unfinished": "reject", "near_scope": "all"})
    both = inner.over(outer)
    assert (both.accept, both.refusals, both.unfinished) == ("off", "reject", "reject")
    assert outer.over(inner).accept == outer.accept


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"accept": {"answer": "present", "match": "exact"}}, "`match` is not used"),
        ({"accept": {"format": ["think", "think"]}}, "written twice"),
        ({"accept": "on"}, "should be 'off'"),
        ({"accept": {"match": {"token_f1": 0}}}, "greater than 0"),
        ({"length": {}}, "no threshold is written"),
        ({"repetition": {"ngram": 3}}, "no threshold is written"),
        ({"length": {"reasoning_words": [9, 3]}}, "is empty"),
        ({"length": {"reasoning_words": [9]}}, "two ends"),
        ({"length": {"reasoning_words": [-1, 3]}}, "greater than or equal to 0"),
        ({"length": {"reasoning_words": [1.5, 3]}}, "valid integer"),
        ({"where": {}}, "at least 1"),
        ({"where": {"c": []}}, "neither a range"),
        ({"where": {"c": [1, 2, 3]}}, "neither a range"),
        ({"where": {"c": [1, "x"]}}, "neither a range"),
        ({"where": {"c": [6, 3]}}, "is empty"),
        ({"where": {"c": [0, float("inf")]}}, "finite"),
        ({"where": {"c": {"a": 1}}}, "neither a range"),
        ({"keep": []}, "at least 1"),
        ({"keep": {"column": "", "is": 1}}, "at least 1 character"),
        ({"keep": {"column": "c"}}, "required"),
        ({"identifying": {"kinds": ["name"]}}, "'email', 'phone'"),
        ({"language": {"script": "klingon"}}, "'latin'"),
        ({"refusals": True}, "'reject' or 'off'"),
    ],
)
def test_what_cannot_be_meant_is_refused(value, message):
    with pytest.raises(ValidationError, match=message):
        Filters.model_validate(value)


def test_keys_of_the_selection_are_read():
    read = {
        Near: {"action": "drop", "scope": "question"},
        Decontaminate: {"against": ["a.parquet", {"path": "b", "name": "b"}], "rule": {"coverage": 0.5}},
        Stratify: {"sources": "one", "per_class": {"yes": 3}},
        Validation: {"share": 0.005, "group": "patient_id"},
    }
    for kind, value in read.items():
        assert kind.model_validate(value)
    for kind, values in (
        (PassRate, [[0.125, 0.875], {"range": [0, 1], "from": "x.parquet"}]),
        (TracesPerQuestion, [4, {"keep": 4, "by": "random"}]),
        (Mix, [{"text": 1.0, "images": {"epochs": 0.5, "max_examples": 400_000}}]),
    ):
        for value in values:
            assert TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (PassRate, [0.9, 0.1]),
        (PassRate, [0.5]),
        (PassRate, [0, 2]),
        (TracesPerQuestion, 0),
        (Mix, {}),
        (Mix, {"a": -1}),
        (Mix, {"a": True}),
    ],
)
def test_keys_of_the_selection_have_bounds(kind, value):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


def test_a_recipe_without_curation_asks_the_scan_nothing(tmp_path):
    recipe = load_recipe(recipes.write(tmp_path, recipes.values()))
    assert all(scan_curation(recipe, source) == {} for source in recipe.sources)
    dumped = recipe.curate.model_dump(mode="json")
    assert sorted(dumped) == ["duplicates", "over_long"]
    assert "curate" not in recipe.sources[0].model_dump(mode="json")
    assert not {"mix", "validation", "target", "report"} & set(recipe.model_dump(mode="json"))
