"""Keys of curation as they are typed: what is read, what is refused, and what wins over what."""

from __future__ import annotations

import pytest
from octomed.errors import RecipeError
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
from octomed.recipe.scan_curation import scan_curation, select_curation
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


SCRIPT = {"script": "latin", "min_share": 0}
SHARE = {"where": {"script_share": [0.5, 1]}}


def curated(tmp_path, curate, own=None, group=None):
    """A recipe of two sources, the second of which has filters of its own, or of its group."""
    values = recipes.values()
    first = {**values["sources"][0], "name": "first"}
    second = {**first, "name": "second", **({"curate": own} if own else {})}
    if group is not None:
        second["group"] = "g"
        curate = {**curate, "groups": {"g": group}}
    return load_recipe(recipes.write(tmp_path, {**values, "sources": [first, second], "curate": curate}))


@pytest.mark.parametrize(
    ("curate", "own", "group"),
    [
        ({"language": SCRIPT}, SHARE, None),
        ({"language": SCRIPT, **SHARE}, {"where": "off", "language": "off"}, None),
        ({**SHARE, "language": SCRIPT}, {"language": {"script": "han"}}, None),
        ({"language": SCRIPT}, None, SHARE),
        ({"language": "off"}, {"language": SCRIPT}, SHARE),
    ],
)
def test_a_share_of_a_script_may_be_asked_for_where_a_script_is_inherited(tmp_path, curate, own, group):
    assert curated(tmp_path, curate, own, group).sources


@pytest.mark.parametrize(
    ("curate", "own", "group", "said"),
    [
        (SHARE, None, None, ("`curate.where.script_share`", "write which beside it")),
        (
            {**SHARE, "language": "off"}, None, None,
            ("`curate.where.script_share`", "write which beside it"),
        ),
        ({**SHARE, "language": SCRIPT}, {"language": "off"}, None, ("source `second`", "`where: off`")),
        ({**SHARE, "language": SCRIPT}, None, {"language": "off"}, ("source `second`", "`where: off`")),
        (
            {"language": "off"}, SHARE, None,
            ("`sources.second.curate.where.script_share`", "source `second`"),
        ),
        ({"language": SCRIPT}, SHARE, {"language": "off"}, ("source `second`", "name the script")),
        ({}, None, SHARE, ("`curate.groups.g.where.script_share`", "write which beside it")),
    ],
)  # fmt: skip
def test_a_share_of_no_script_is_refused_source_by_source(tmp_path, curate, own, group, said):
    with pytest.raises(RecipeError) as error:
        curated(tmp_path, curate, own, group)
    text = f"{error.value.message} {error.value.hint}"
    assert all(words in text for words in said)


def test_a_scope_of_near_duplicates_that_nobody_looks_for_is_refused(tmp_path):
    group = {"near_scope": "question"}
    with pytest.raises(RecipeError) as error:
        curated(tmp_path, {}, None, group)
    assert "`curate.groups.g.near_scope`: no near duplicates are looked for" in error.value.message
    assert curated(tmp_path, {"duplicates": {"near": {"action": "report"}}}, None, group).curate.groups


@pytest.mark.parametrize("rule", ["pass_rate", "stratify", None])
def test_an_answer_that_has_to_be_there_is_compared_where_a_rule_asks(tmp_path, rule):
    rules = {"pass_rate": [0, 1], "stratify": {"sources": ["first"]}}
    asked = {rule: rules[rule]} if rule else {}
    recipe = curated(tmp_path, {"accept": {"answer": "present"}, **asked})
    found = [scan_curation(recipe, source)["accept"].get("compare", False) for source in recipe.sources]
    assert found == [rule is not None, rule == "pass_rate"]


def test_conditions_are_said_in_the_order_of_the_engine(tmp_path):
    keys = {
        "keep": [{"column": "z", "is": True}, {"column": "b", "is": "yes"}],
        "where": {"reasoning_words": [1, 9], "x": [3, 6], "a": ["p", "q"], "c": ["p", "q", "r", "s"]},
    }
    recipe = curated(tmp_path, keys)
    assert select_curation(recipe)["conditions"]["first"] == [
        "`z` is not true",
        '`b` is not "yes"',
        '`a` is not one of "p", "q"',
        '`c` is not one of "p", "q", "r" or 1 more',
        "`x` is not 3 to 6",
        "`reasoning_words` is not 1 to 9",
    ]
    assert "conditions" not in select_curation(curated(tmp_path, {}))
