"""Low-rank adapters: where they are, what checkpoints and exports hold of them, and what is refused."""

from __future__ import annotations

import copy
import json
import re
from types import SimpleNamespace

import pytest

pytest.importorskip("composer")
pytest.importorskip("peft")

import peft
import torch
from composer.utils import reproducibility
from octomed.errors import RecipeError
from octomed.train import checkpoints
from octomed.train.adapter_state import keep_what_is_trained, merged
from octomed.train.build import build_model, part_of, parts_of, read_configuration
from octomed.train.digests import digest_of
from octomed.train.export import AdapterAlone, export_model
from octomed.train.freeze import make_trainable
from octomed.train.isolation import text_batch
from octomed.train.layers import compile_layers, recompute_layers
from octomed.train.model import OctomedModel
from octomed.train.network import PackedNetwork
from octomed.train.optim import make_optimizer
from octomed.train.recipe import load_train_recipe
from octomed.train.resume import RandomState
from octomed.train.schema_model import Lora, Model, Optimizer
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from . import tiny
from .sessions import write_recipe

DECODER = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
TOWER = {
    "qwen2_5_vl": {"qkv", "proj", "gate_proj", "up_proj", "down_proj"},
    "qwen3_vl": {"qkv", "proj", "linear_fc1", "linear_fc2"},
}


def fresh(family="qwen2_5_vl", seed=17, dtype="float32"):
    return build_model(read_configuration(None, tiny.configuration(family)), seed=seed, dtype=dtype)


def adapted(model, *, vision=True, sharded=False, freeze=None, **lora):
    return make_trainable(
        model,
        Model(config={}, lora=Lora(**{"r": 4, **lora}), **(freeze or {})),
        vision=vision,
        sharded=sharded,
    )


def shaken(model, size=0.05):
    """Adapters as training leaves them: the second matrices begin at zero."""
    draw = torch.Generator().manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=draw).to(parameter.dtype) * size
    return model


def logits(network, family):
    rows = tiny.rows_of(family)
    ids = torch.randint(0, tiny.VOCABULARY, (40,), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return network.eval()(text_batch(ids, (25, 15), rows=rows), want="logits")


def step(model, family):
    """A training step's loss and gradients by name."""
    batch = tiny.batch_of([tiny.traces(4)], tiny.rows_of(family))
    loss = model(batch)
    loss.backward()
    return loss, {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


# Where they are


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_all_linear_layers_of_the_decoder_are_adapted_and_nothing_else(family):
    model = fresh(family)
    found = adapted(model)
    layers = model.config.get_text_config().num_hidden_layers
    assert len(found.adapted.modules) == layers * len(DECODER)
    assert {name.rpartition(".")[2] for name in found.adapted.modules} == DECODER
    assert all(".layers." in name and "visual" not in name for name in found.adapted.modules)
    assert all(part_of(name) == "language" for name in found.adapted.modules)
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert trained == {name for name, _ in model.named_parameters() if "lora_" in name}
    assert found.counts["language"][0] == sum(
        one.numel() for name, one in model.named_parameters() if "lora_" in name
    )
    assert all(found.counts[part][0] == 0 for part in found.counts if part != "language")


def test_they_are_printed():
    lines = adapted(fresh("qwen2"), targets=["q_proj", "mlp.down_proj"], alpha=8).lines()
    assert lines[1:] == [
        "LoRA: rank 4, alpha 8, 4 linear layers adapted:",
        "  2 x model.layers.*.self_attn.q_proj",
        "  2 x model.layers.*.mlp.down_proj",
    ]


@pytest.mark.parametrize("family", TOWER)
def test_the_tower_is_adapted_where_it_is_asked_for(family):
    model = fresh(family)
    found = make_trainable(model, Model(config={}, lora=Lora(r=4, vision=True)), vision=True)
    of_tower = [name for name in found.adapted.modules if part_of(name) == "vision"]
    assert {name.rpartition(".")[2] for name in of_tower} == TOWER[family]
    assert all(".blocks." in name for name in of_tower)
    assert len(found.adapted.modules) > len(of_tower)
    assert not any("merger" in name for name in found.adapted.modules)


def test_a_name_that_both_have_is_adapted_in_the_decoder_alone_unless_asked_for():
    for vision, parts in ((False, {"language"}), (True, {"language", "vision"})):
        model = fresh()
        settings = Model(config={}, lora=Lora(targets=("gate_proj",), vision=vision))
        found = make_trainable(model, settings, vision=True)
        assert {part_of(name) for name in found.adapted.modules} == parts


BAD = {
    "a name misspelt": (
        "qwen2_5_vl",
        {"targets": ["q_prj"]},
        "no linear layer of the decoder is called `q_prj`",
        "did you mean `q_proj`",
    ),
    "of the tower": ("qwen2_5_vl", {"targets": ["qkv"]}, "is called `qkv`", "model.lora.vision: true"),
    "the output layer": ("qwen2", {"targets": ["lm_head"]}, "is called `lm_head`", "no part of a layer"),
    "no linear layer": (
        "qwen2",
        {"targets": ["input_layernorm"]},
        "is called `input_layernorm`",
        "linear layers here",
    ),
    "half a name": ("qwen2", {"targets": ["proj"]}, "is called `proj`", "linear layers here"),
    "a pattern": ("qwen2", {"targets": [".*_proj"]}, "is called `.*_proj`", None),
    "a tower without these": (
        "qwen2_5_vl",
        {"targets": ["q_proj"], "vision": True},
        "adapts nothing",
        "`attn.qkv`",
    ),
    "a tower that is none": ("qwen2", {"vision": True}, "the model has no vision tower", None),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_targets_that_name_nothing_are_refused(case):
    family, lora, message, hint = BAD[case]
    with pytest.raises(RecipeError) as found:
        make_trainable(fresh(family), Model(config={}, lora=Lora(**lora)), vision=True)
    assert message in found.value.message
    assert hint is None or hint in found.value.hint


def test_a_tower_that_no_image_reaches_is_not_adapted():
    with pytest.raises(RecipeError, match="the data has no images"):
        make_trainable(fresh(), Model(config={}, lora=Lora(vision=True)), vision=False)


@pytest.mark.parametrize("part", ["projector", "vision"])
def test_a_part_may_be_trained_whole_beside_them(part):
    model = fresh()
    adapted(model, freeze={f"freeze_{part}": False})
    parts = parts_of(model)
    for name in ("projector", "vision"):
        assert {one.requires_grad for one in parts[name].values()} == {name == part}
    assert {"lora_" in name for name, one in parts["language"].items() if one.requires_grad} == {True}


# What they compute


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_model_is_the_same_before_the_first_step(family):
    before = logits(PackedNetwork(fresh(family)), family)
    model = fresh(family)
    adapted(model)
    assert torch.equal(logits(PackedNetwork(model), family), before)


def test_they_begin_with_the_seed_and_leave_the_global_one_alone():
    made = []
    for seed in (1, 1, 2):
        model = fresh("qwen2")
        before = torch.random.get_rng_state()
        make_trainable(model, Model(config={}, lora=Lora()), vision=False, seed=seed)
        assert torch.equal(before, torch.random.get_rng_state())
        made.append(dict(model.named_parameters())["model.layers.0.mlp.up_proj.lora_A.default.weight"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


@pytest.mark.parametrize(
    ("dtype", "sharded", "expected"),
    [
        ("float32", False, torch.float32),
        ("float64", False, torch.float64),
        ("bfloat16", False, torch.float32),
        ("bfloat16", True, torch.bfloat16),
    ],
)
def test_adapters_of_weights_in_bfloat16_are_float32_unless_they_are_sharded(dtype, sharded, expected):
    model = fresh("qwen2", dtype=dtype)
    adapted(model, sharded=sharded)
    assert {one.dtype for name, one in model.named_parameters() if "lora_" in name} == {expected}
    assert all(
        one.dtype == getattr(torch, dtype) for name, one in model.named_parameters() if "lora_" not in name
    )
    loss, gradients = step(OctomedModel(model), "qwen2")
    assert loss.isfinite()
    assert len(gradients) == 2 * 2 * len(DECODER)


@pytest.mark.parametrize("way", ["recomputed", pytest.param("compiled", marks=pytest.mark.long)])
def test_gradients_are_those_of_the_matrices_of_the_formula(way):
    """A layer with an adapter is `W + alpha / r B A`; gradients follow from that of the sum."""
    model = OctomedModel(fresh("qwen2", dtype="float64"))
    adapted(model.language_model, alpha=6)
    shaken(model)
    whole = OctomedModel(fresh("qwen2", dtype="float64"))
    whole.language_model.load_state_dict(merged(model.language_model, model.language_model.state_dict()))
    if way == "recomputed":
        recompute_layers(model, model.language_model, 1.0)
    else:
        compile_layers(model.language_model, backend="eager")
    loss, found = step(model, "qwen2")
    reference, of_whole = step(whole, "qwen2")
    assert torch.allclose(loss, reference, rtol=1e-12)
    values = {name.replace("_checkpoint_wrapped_module.", ""): one for name, one in found.items()}
    weights = {name.replace("_checkpoint_wrapped_module.", ""): one for name, one in model.named_parameters()}
    for name, gradient in values.items():
        layer, _, side = name.removesuffix(".default.weight").rpartition(".lora_")
        other = weights[f"{layer}.lora_{'B' if side == 'A' else 'A'}.default.weight"].detach()
        of_product = of_whole[f"{layer}.weight"] * (6 / 4)
        expected = other.T @ of_product if side == "A" else of_product @ other.T
        assert torch.allclose(gradient, expected, rtol=1e-9, atol=1e-13), name


# Checkpoints


def with_checkpoints(family="qwen2", seed=17, r=4, **options):
    model = OctomedModel(fresh(family, seed))
    found = adapted(model.language_model, r=r, **options)
    keep_what_is_trained(model, found.adapted.base, f"seed {seed}")
    return model


def saved(model):
    return {name: value.clone() for name, value in get_model_state_dict(model).items()}


def test_a_checkpoint_holds_the_adapters_and_a_digest_of_the_base():
    model = shaken(with_checkpoints())
    state = saved(model)
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert set(state) == trained | {"base_digest"}
    assert bytes(state["base_digest"].tolist()).hex() == digest_of(fresh("qwen2"))


def test_parts_that_are_trained_whole_are_in_it():
    model = with_checkpoints("qwen3_vl", freeze={"freeze_projector": False})
    names = set(saved(model))
    assert any("deepstack_merger_list" in name for name in names)
    assert not any("blocks" in name or name.endswith("base_layer.weight") for name in names)


@pytest.mark.parametrize("recomputed", [False, True])
def test_it_is_read_again_with_the_optimizer(recomputed):
    one, other = with_checkpoints(), with_checkpoints()
    if recomputed:
        for model in (one, other):
            recompute_layers(model, model.language_model, 1.0)
    settings = Optimizer(lr=1e-2)
    optimizers = [make_optimizer(model, settings) for model in (one, other)]
    for _ in range(3):
        step(one, "qwen2")
        optimizers[0].step()
        optimizers[0].zero_grad()
    whole = StateDictOptions(strict=False)
    set_model_state_dict(other, saved(one), options=whole)
    state = copy.deepcopy(get_optimizer_state_dict(one, optimizers[0]))
    set_optimizer_state_dict(other, optimizers[1], optim_state_dict=state)
    for model, optimizer in zip((one, other), optimizers, strict=True):
        step(model, "qwen2")
        optimizer.step()
    for (name, left), right in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(left, right), name


@pytest.mark.parametrize("full", [False, True])
def test_another_base_is_refused_by_name(full):
    state = saved(with_checkpoints(seed=5))
    with pytest.raises(RecipeError, match="trained on another base than `seed 17`") as found:
        set_model_state_dict(
            with_checkpoints(), state, options=StateDictOptions(strict=False, full_state_dict=full)
        )
    assert found.value.hint


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", ["whole weights", "other layers"])
def test_a_checkpoint_of_something_else_is_refused(full, kind):
    if kind == "whole weights":
        state = saved(OctomedModel(fresh("qwen2")))
    else:
        state = saved(with_checkpoints(targets=["q_proj"]))
        if full:
            pytest.skip("torch fills in what a whole state lacks; the recipe's keys differ")
    with pytest.raises(RecipeError, match="holds no adapter as this recipe wants it"):
        set_model_state_dict(
            with_checkpoints(), state, options=StateDictOptions(strict=False, full_state_dict=full)
        )


@pytest.mark.parametrize(
    ("trained", "wanted", "words"),
    [
        (None, {"r": 4}, "no adapters: it has another `model.lora`"),
        ({"r": 4}, None, "other adapters: it has another `model.lora`"),
        ({"r": 4, "targets": ["q_proj"]}, {"r": 8}, "another `model.lora.r`, `model.lora.targets`"),
    ],
)
def test_a_load_path_to_a_checkpoint_of_other_adapters_is_refused(tmp_path, trained, wanted, words):
    """FSDP2 reads a whole checkpoint so that what it lacks stays as it is, in silence."""

    def recipe(lora):
        return load_train_recipe(write_recipe(tmp_path, tmp_path), [f"model.lora={json.dumps(lora)}"])

    path = str(tmp_path / "checkpoints/ep0-ba2-rank0.pt")
    checkpoints.check_adapters(path, recipe(wanted))  # nothing says what it is of
    checkpoints.write_meaning(
        str(tmp_path / "checkpoints"), checkpoints.meaning_of(recipe(trained), "one", 4)
    )
    with pytest.raises(RecipeError, match=re.escape(words)):
        checkpoints.check_adapters(path, recipe(wanted))
    checkpoints.check_adapters(path, recipe(trained))
    if trained is not None:
        checkpoints.check_adapters(path, recipe(trained | {"dropout": 0.5}))


def test_checkpoints_of_an_earlier_version_are_resumed_without_the_new_keys(tmp_path):
    recipe = load_train_recipe(write_recipe(tmp_path, tmp_path))
    meaning = checkpoints.meaning_of(recipe, "one", 4)
    assert not {"lora", "freeze_projector", "freeze_language"} & set(meaning["model"])
    assert "groups" not in meaning["optimizer"]


def test_the_random_state_of_a_checkpoint_is_taken_once_when_a_step_begins():
    torch.manual_seed(3)
    states = reproducibility.get_rng_state()
    expected = torch.rand(3)
    trainer = SimpleNamespace(_rng_state=states)
    callback = RandomState(trainer)
    for _ in range(2):
        callback.batch_start(None, None)
    assert torch.equal(torch.rand(3), expected)
    assert trainer._rng_state is None
    callback.batch_start(None, None)
    assert not torch.equal(torch.rand(3), expected)


def test_the_digest_tells_names_types_shapes_and_bytes():
    made = {digest_of(fresh(seed=seed, dtype=dtype)) for seed in (1, 2) for dtype in ("float32", "bfloat16")}
    assert len(made) == 4
    assert digest_of(fresh(seed=1)) in made
    model = fresh(seed=1)
    model.lm_head.weight.data[3, 5] += 1e-3
    assert digest_of(model) not in made


# Exports


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "llama"])
def test_the_export_is_the_base_with_what_the_adapters_add(tmp_path, family):
    model = OctomedModel(fresh(family))
    made = make_trainable(
        model.language_model,
        Model(config={}, lora=Lora(r=4, vision=family.endswith("_vl"))),
        vision=True,
    )
    keep_what_is_trained(model, made.adapted.base, "x")
    shaken(model)
    export_model(model, tmp_path / "model")
    auto = AutoModelForImageTextToText if family.endswith("_vl") else AutoModelForCausalLM
    theirs, report = auto.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    expected = logits(model.network, family)
    again = build_model(read_configuration(str(tmp_path / "model")), str(tmp_path / "model"))
    found = logits(PackedNetwork(again), family)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert not torch.allclose(expected, logits(PackedNetwork(fresh(family)), family), rtol=1e-3)
    for name, module in model.language_model.named_modules():
        if hasattr(module, "lora_A"):
            expected_weight = module.base_layer.weight + module.get_delta_weight("default")
            assert torch.allclose(theirs.get_submodule(name).weight, expected_weight, rtol=1e-6, atol=1e-7), (
                name
            )


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen2"])
def test_an_adapter_alone_is_as_peft_loads_it(tmp_path, family):
    base = fresh(family)
    base.save_pretrained(tmp_path / "base")
    model = OctomedModel(build_model(read_configuration(str(tmp_path / "base")), str(tmp_path / "base")))
    adapted(model.language_model, targets=["q_proj", "up_proj"], alpha=8)
    shaken(model)
    export_model(model, tmp_path / "adapter", alone=AdapterAlone(str(tmp_path / "base")))
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    values = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert (values["base_model_name_or_path"], values["r"], values["lora_alpha"]) == (
        str(tmp_path / "base"),
        4,
        8,
    )
    theirs = build_model(read_configuration(str(tmp_path / "base")), str(tmp_path / "base"))
    loaded = peft.PeftModel.from_pretrained(theirs, str(tmp_path / "adapter"))
    inner = loaded.base_model.model
    assert {name for name, one in inner.named_modules() if hasattr(one, "lora_A")} == {
        name for name, one in model.language_model.named_modules() if hasattr(one, "lora_A")
    }
    expected = logits(model.network, family)
    assert torch.equal(logits(PackedNetwork(inner), family), expected)
    assert not torch.allclose(expected, logits(PackedNetwork(base), family), rtol=1e-3)
