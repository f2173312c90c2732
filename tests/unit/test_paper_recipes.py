"""The recipes of the paper and of its ablations: right without the data, and they do what the paper did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from octomed import shipped
from octomed.pipeline.inputs.selection import Lists, selection_settings
from octomed.recipe import RecipeProblems, load_recipe
from octomed.recipe.scan_curation import select_curation

from tests.unit.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ALL = ROOT / "recipes/octomed-8m.yaml"
ABLATIONS = sorted((ROOT / "recipes/ablations").glob("*.yaml"))
GROUPS = {
    "text-reasoning": {"medqa", "medmcqa", "headqa", "medical-instructions"},
    "multimodal-reasoning": {"pmc-vqa", "slake", "vqa-rad", "rexvqa", "mimic-cxr-reports", "pmc-instruct"},
    "classification": {
        "breast-ultrasound",
        "octmnist",
        "brain-tumor",
        "chest-pneumonia",
        "coronahack",
        "pathmnist",
        "bcss",
        "pad-ufes",
        "dermamnist",
        "retinamnist",
        "aptos",
        "messidor2",
        "bloodmnist",
    },
}
MIXES = (
    "mix={text-reasoning: 1, multimodal-reasoning: 0, classification: 0}",
    "mix={text-reasoning: 0, multimodal-reasoning: 1, classification: 0}",
    "mix={text-reasoning: 0, multimodal-reasoning: 0, classification: 1}",
    "mix={text-reasoning: 1, multimodal-reasoning: 1, classification: 0}",
    "mix={text-reasoning: 1, multimodal-reasoning: 1, classification: 1}",
)
DIRECT = ("target=answer", "target=trace")


def problems(path: str, sets: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a recipe."""
    try:
        load_recipe(path, sets, check_files=False)
    except RecipeProblems as found:
        return [str(one) for one in found.problems]
    return []


@pytest.mark.parametrize("path", [ALL, *ABLATIONS], ids=lambda path: path.stem)
def test_a_recipe_is_right(path):
    assert problems(str(path)) == []


@pytest.mark.parametrize("path", [ALL, *ABLATIONS], ids=lambda path: path.stem)
def test_what_a_recipe_says_to_set_can_be_set(path):
    said = re.findall(r"--set (?:\"([^\"]+)\"|([\w.=]+))", path.read_text(encoding="utf-8"))
    sets = [quoted or plain for quoted, plain in said]
    assert path == ALL or sets or path.stem == "student-pass-rate"
    assert problems(str(path), sets) == []


@pytest.mark.parametrize("one", [*MIXES, *DIRECT])
def test_an_ablation_by_a_key_is_right_and_is_documented(one):
    # Near duplicates are of responses, of which direct answers have none.
    without = ["curate.duplicates.near=null"] if one == "target=answer" else []
    assert problems(str(ALL), [one, *without]) == []
    assert f"`{one}`" in (ROOT / "docs/curation.md").read_text(encoding="utf-8")


def written(path=ALL):
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def test_every_source_of_the_paper_is_in_its_group():
    groups: dict[str, set[str]] = {}
    for source in written()["sources"]:
        groups.setdefault(source["group"], set()).add(source["name"])
        assert source["teacher"] == ("DeepSeek-R1" if source["group"] == "text-reasoning" else "GPT-4o")
    assert groups == GROUPS
    assert set(written()["mix"]) == set(GROUPS)


def test_the_rules_of_the_paper_are_the_recipes():
    curate = written()["curate"]
    assert curate["accept"] == {"answer": "match"}
    assert set(curate["stratify"]["sources"]) == GROUPS["classification"]
    assert (curate["decontaminate"]["ngram"], curate["decontaminate"]["rule"]) == (16, "any")
    assert curate["decontaminate"]["templates"] == "ignore"
    assert written()["images"]["max_pixels"] == 512 * 512
    assert "pass_rate" not in curate
    assert "traces_per_question" not in curate


def test_vqa_rad_may_lose_what_its_splits_share_and_the_count_says_why():
    assert written()["curate"]["decontaminate"]["allow_loss"] == {"vqa-rad": 1.0}
    (line,) = [line for line in ALL.read_text(encoding="utf-8").splitlines() if "vqa-rad: 1.0" in line]
    assert "# 314 images in all" in line


@pytest.mark.parametrize("path", [ALL, *ABLATIONS], ids=lambda path: path.stem)
def test_near_duplicates_are_only_reported_and_what_is_ours_says_so(path):
    assert written(path)["curate"]["duplicates"]["near"] == {"action": "report"}
    ours = [line for line in path.read_text(encoding="utf-8").splitlines() if "# ours" in line]
    assert {"system", "pack"} <= {line.split(":")[0].strip() for line in ours}


def test_ablations_of_one_source_scan_it_once():
    keys = ("model", "system", "work")
    medqa = [written(path) for path in ABLATIONS]
    assert len({repr([recipe.get(key) for key in keys]) for recipe in medqa}) == 1
    first = {repr({**recipe["sources"][0], "name": "medqa", "group": ""}) for recipe in medqa}
    assert len(first) == 1


@pytest.mark.parametrize("path", [ALL, *ABLATIONS], ids=lambda path: path.stem)
def test_a_recipe_is_given_out_wherever_it_is_put(path, tmp_path):
    name = path.relative_to(ROOT / "recipes").as_posix().removesuffix(".yaml")
    assert name in shipped.names()
    text = shipped.text_of(name)
    assert "../" not in text
    assert " data/octomed-8m/medqa" in text
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert problems(str(tmp_path / "mine.yaml")) == []


def packed_groups(path: Path, *sets: str) -> set[str]:
    """The groups of which a recipe packs anything, as the engine is told."""
    recipe = load_recipe(path, sets, check_files=False)
    settings = selection_settings(recipe, select_curation(recipe), Lists(()))
    left_out = {one["group"] for one in settings.get("mix", []) if one["epochs"] == 0}
    return {source.group for source in recipe.sources if source.group} - left_out


@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_packs_the_groups_that_it_names_with_an_epoch(mix):
    named = dict(re.findall(r"([a-z-]+): (\d)", mix))
    assert packed_groups(ALL, mix) == {group for group, epochs in named.items() if epochs != "0"}


def test_both_teachers_are_packed_where_both_have_an_epoch():
    assert packed_groups(ALL.parent / "ablations/teachers.yaml", "mix={r1: 1, gpt-4o: 1}") == {"r1", "gpt-4o"}


def test_one_teacher_is_packed_of_two():
    teachers = ALL.parent / "ablations/teachers.yaml"
    assert packed_groups(teachers) == {"r1"}
    assert packed_groups(teachers, "mix={r1: 0, gpt-4o: 1}") == {"gpt-4o"}
