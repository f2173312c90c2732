"""Which parts of a model are trained: by default, as the recipe says, and what it may not say."""

from __future__ import annotations

import pytest

pytest.importorskip("composer")

from octomed.errors import RecipeError
from octomed.recipe.problems import RecipeProblems
from octomed.train.build import build_model, parts_of, read_configuration
from octomed.train.freeze import make_trainable
from octomed.train.recipe import load_train_recipe
from octomed.train.schema_model import Model

from . import tiny
from .sessions import write_recipe

ALL = {"vision", "projector", "language"}


def fresh(family="qwen2_5_vl"):
    return build_model(read_configuration(None, tiny.configuration(family)))


def settings(**values):
    return Model(config={"model_type": "qwen2"}, **values)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_every_parameter_is_of_one_part(family):
    model = fresh(family)
    parts = parts_of(model)
    names = [name for parameters in parts.values() for name in parameters]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert set(parts) == ALL
    assert all(".visual." in name for name in (*parts["vision"], *parts["projector"]))
    assert all("merger" in name for name in parts["projector"])
    assert not any("visual" in name for name in parts["language"])
    assert not any("merger" in name for name in parts["vision"])
    if family == "qwen3_vl":
        assert any("deepstack_merger_list" in name for name in parts["projector"])


CASES = [
    (True, {}, ALL),
    (True, {"freeze_vision": True}, {"projector", "language"}),
    (True, {"freeze_projector": True}, {"vision", "language"}),
    (True, {"freeze_language": True}, {"vision", "projector"}),
    (True, {"freeze_vision": True, "freeze_language": True}, {"projector"}),
    (True, {"freeze_vision": False, "freeze_projector": False, "freeze_language": False}, ALL),
    (False, {}, {"language"}),
    (False, {"freeze_vision": True}, {"language"}),
    (False, {"freeze_vision": False}, ALL),
    (False, {"freeze_vision": False, "freeze_projector": True}, {"vision", "language"}),
    (False, {"freeze_projector": False}, {"projector", "language"}),
]


@pytest.mark.parametrize(("vision", "values", "expected"), CASES)
def test_parts_are_trained_as_the_recipe_says(vision, values, expected):
    model = fresh()
    trained = make_trainable(model, settings(**values), vision=vision)
    parts = parts_of(model)
    for part, parameters in parts.items():
        assert {one.requires_grad for one in parameters.values()} == {part in expected}, part
        whole = sum(one.numel() for one in parameters.values())
        assert trained.counts[part] == (whole if part in expected else 0, whole)
    assert trained.trained == sum(one.numel() for one in model.parameters() if one.requires_grad)
    assert trained.lines() == [
        "parameters trained: "
        + ", ".join(f"{part} {count:,} of {whole:,}" for part, (count, whole) in trained.counts.items())
    ]


@pytest.mark.parametrize("vision", [True, False])
def test_a_text_model_has_one_part(vision):
    model = fresh("qwen2")
    assert set(make_trainable(model, settings(), vision=vision).counts) == {"language"}
    assert all(one.requires_grad for one in model.parameters())


@pytest.mark.parametrize("part", ["vision", "projector"])
@pytest.mark.parametrize("freeze", [True, False])
def test_a_part_that_the_model_lacks_is_refused(part, freeze):
    with pytest.raises(RecipeError, match=rf"`model\.freeze_{part}`: a qwen2 model has no {part} part"):
        make_trainable(fresh("qwen2"), settings(**{f"freeze_{part}": freeze}), vision=False)


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("qwen2", {"freeze_language": True}),
        ("qwen2_5_vl", {"freeze_language": True}),
        ("qwen2_5_vl", {"freeze_language": True, "freeze_vision": False}),
        ("qwen2_5_vl", {"freeze_language": True, "freeze_projector": False}),
    ],
)
def test_a_run_of_text_that_trains_nothing_is_refused(family, values):
    with pytest.raises(RecipeError, match=r"nothing would be trained .*`model\.freeze_language`") as found:
        make_trainable(fresh(family), settings(**values), vision=False)
    assert found.value.hint


BAD = {
    "all frozen": (["model.freeze_language=true"], "all parts are frozen"),
    "frozen and adapted": (["model.freeze_language=false", "model.lora={}"], "`model.freeze_language`"),
    "an adapted tower, frozen": (["model.lora={vision: true}"], "`model.freeze_vision`"),
    "QLoRA, sharded": (
        ["model.freeze_vision=null", "model.lora={quantize: 4bit}", "fsdp_config={}"],
        "`model.lora.quantize`: weights of 4 bits cannot be sharded",
    ),
    "8 bits, sharded": (
        ["optimizer.name=adamw8bit", "fsdp_config={}"],
        "`optimizer.name`: states of 8 bits cannot be sharded",
    ),
    "8 bits, fused": (["optimizer.name=adamw8bit", "optimizer.fused=true"], "cannot be fused"),
    "an adapter of nothing": (["export=adapter", "export_folder=x"], "there is no `model.lora`"),
    "an adapter for nowhere": (["export=adapter", "model.lora={}"], "`export` needs an `export_folder`"),
    "less than what is trained": (
        ["export=adapter", "export_folder=x", "model.lora={}", "model.freeze_projector=false"],
        "an adapter alone lacks what `model.freeze_projector: false` trains",
    ),
    "a rank of nothing": (["model.lora={r: 0}"], "`model.lora.r` must be at least 1"),
    "all dropped": (["model.lora={dropout: 1.0}"], "`model.lora.dropout` must be less than 1"),
    "no targets": (["model.lora={targets: []}"], "`model.lora.targets` must not be empty"),
    "a key misspelt": (["model.lora={rank: 8}"], "unknown key `rank` in `model.lora`"),
    "another number of bits": (["model.lora={quantize: 8bit}"], "`model.lora.quantize` may not be"),
    "a part misspelt": (["optimizer.groups={tower: {lr: 1}}"], "unknown key `tower` in `optimizer.groups`"),
    "a group that says nothing": (["optimizer.groups={language: {}}"], "this group says nothing"),
    "a group's rate": (["optimizer.groups={language: {lr: 0}}"], "`optimizer.groups.language.lr` must be"),
    "a warm-up in tokens of a run in steps": (
        ["scheduler.t_warmup=100tok", "max_duration=10ba"],
        "`scheduler.t_warmup`: a warm-up of `100tok` is no share of a run of `10ba`",
    ),
    "a run in seconds": (["max_duration=60sec"], "`max_duration`: `60sec` does not say"),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_recipes_that_contradict_themselves_are_refused(tmp_path, case):
    words, message = BAD[case]
    path = write_recipe(tmp_path, tmp_path)
    always = ["model.freeze_vision=true", "model.freeze_projector=true"]
    with pytest.raises(RecipeProblems) as found:
        load_train_recipe(path, [*([] if "projector" in str(words) else always), *words])
    assert message in str(found.value)


@pytest.mark.parametrize(
    "words",
    [
        ["model.lora={r: 4, alpha: 8, targets: [q_proj], vision: true, dropout: 0.1}"],
        ["model.lora={quantize: 4bit}", "optimizer.name=adamw8bit"],
        ["model.lora={}", "export=adapter", "export_folder=x"],
        ["model.lora={}", "export=merged", "export_folder=x", "fsdp_config={}"],
        ["optimizer.groups={vision: {lr: 1e-5}, projector: {weight_decay: 0}}", "model.freeze_vision=false"],
        ["scheduler.t_warmup=2ba", "max_duration=1ep"],
        ["scheduler.t_warmup=1ep", "max_duration=100ba"],
        ["scheduler.t_warmup=100tok", "max_duration=1000tok"],
        ["scheduler.t_warmup=10sp", "max_duration=100sp"],
    ],
    ids=str,
)
def test_these_are_not(tmp_path, words):
    load_train_recipe(write_recipe(tmp_path, tmp_path), words)
