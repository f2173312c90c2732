"""Weights of 4 bits under adapters, and AdamW with states of 8 bits: what of bitsandbytes runs on a CPU."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("composer")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

import torch
from octomed.train.adapter_state import keep_what_is_trained
from octomed.train.build import build_model, read_configuration
from octomed.train.export import AdapterAlone, export_model
from octomed.train.freeze import make_trainable
from octomed.train.model import OctomedModel
from octomed.train.network import PackedNetwork
from octomed.train.optim import make_optimizer
from octomed.train.quantized import dequantized, is_quantized
from octomed.train.schema_model import Lora, Model, Optimizer
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from . import tiny
from .test_adapters import fresh, logits, shaken, step


def quantized(family="qwen2", dtype="float32", **lora):
    model = OctomedModel(fresh(family, dtype=dtype))
    settings = Model(config={}, lora=Lora(r=4, quantize="4bit", **lora))
    found = make_trainable(model.language_model, settings, vision=family.endswith("_vl"))
    keep_what_is_trained(model, found.adapted.base, "it")
    return model, found


@pytest.mark.parametrize("family", ["qwen2", "qwen2_5_vl"])
def test_the_weights_that_are_adapted_are_kept_in_4_bits_and_no_others(family):
    whole = fresh(family)
    model, found = quantized(family)
    packed = {
        name: module
        for name, module in model.language_model.named_modules()
        if isinstance(module, torch.nn.Linear) and is_quantized(module)
    }
    assert {name.removesuffix(".base_layer") for name in packed} == set(found.adapted.modules)
    for name, linear in packed.items():
        weight = whole.get_submodule(name.removesuffix(".base_layer")).weight
        assert linear.weight.numel() == weight.numel() / 2
        near = dequantized(linear)
        assert near.dtype == weight.dtype
        assert 0 < (near - weight).norm() / weight.norm() < 0.15
    assert "their weights in 4 bits" in found.lines()[1]
    parameters = sum(one.numel() for one in whole.parameters())
    assert sum(count for _, count in found.counts.values()) == parameters + found.trained


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_they_are_trained_by_their_adapters(dtype):
    model, _ = quantized(dtype=dtype)
    optimizer = make_optimizer(model, Optimizer(lr=3e-2))
    losses = []
    for _ in range(12):
        loss, gradients = step(model, "qwen2")
        losses.append(float(loss.detach()))
        assert all("lora_" in name and one.dtype == torch.float32 for name, one in gradients.items())
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0] - 0.15


def test_a_checkpoint_has_the_digest_of_the_weights_before_and_is_read_again():
    one, other = quantized()[0], quantized()[0]
    shaken(one)
    state = {name: value.clone() for name, value in get_model_state_dict(one).items()}
    assert all("lora_" in name or name == "base_digest" for name in state)
    set_model_state_dict(other, state, options=StateDictOptions(strict=False))
    assert torch.equal(logits(one.network, "qwen2"), logits(other.network, "qwen2"))


@pytest.mark.parametrize("family", ["qwen2", "qwen2_5_vl"])
def test_the_export_is_the_base_as_it_was_trained(tmp_path, family):
    """Of weights as they were before 4 bits, logits would be others."""
    model, _ = quantized(family)
    shaken(model)
    export_model(model, tmp_path / "model")
    again = build_model(read_configuration(str(tmp_path / "model")), str(tmp_path / "model"))
    expected = logits(model.network, family)
    found = logits(PackedNetwork(again), family)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    whole = OctomedModel(fresh(family))
    make_trainable(whole.language_model, Model(config={}, lora=Lora(r=4)), vision=family.endswith("_vl"))
    others = logits(shaken(whole).network, family)
    assert (others - expected).abs().max() > 1e-3 * expected.abs().max()


def test_an_adapter_alone_is_written(tmp_path):
    model, _ = quantized()
    export_model(model, tmp_path / "adapter", alone=AdapterAlone("base"))
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_adamw_with_states_of_8_bits_learns_and_goes_on_from_its_state():
    def made():
        model = tiny.fresh_model("qwen2")
        return model, make_optimizer(model, Optimizer(name="adamw8bit", lr=1e-2, weight_decay=0.1))

    one, optimizer = made()
    assert {(group["lr"], group["weight_decay"]) for group in optimizer.param_groups} == {
        (1e-2, 0.1),
        (1e-2, 0.0),
    }
    losses = []
    for _ in range(8):
        loss, _ = step(one, "qwen2")
        losses.append(float(loss.detach()))
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0] - 0.3
    states = [state["state1"].dtype for state in optimizer.state.values()]
    assert torch.uint8 in states  # of matrices that are large enough
    other, again = made()
    other.load_state_dict(one.state_dict())
    set_optimizer_state_dict(
        other, again, optim_state_dict=copy.deepcopy(get_optimizer_state_dict(one, optimizer))
    )
    for model, moved in ((one, optimizer), (other, again)):
        step(model, "qwen2")
        moved.step()
    for (name, left), right in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(left, right), name
