"""The plan of memory against what torch counts on a CPU, and against what was measured on a GPU."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from octomed.train.build import build_model, read_configuration
from octomed.train.freeze import make_trainable
from octomed.train.layers import recompute_layers
from octomed.train.model import OctomedModel
from octomed.train.optim import make_optimizer
from octomed.train.plan import Hardware, Load, plan_of
from octomed.train.schema import TrainRecipe

from .tiny import batch_of, rows_of

RESULTS = Path(__file__).parents[2] / "bench/results"
CPU = Hardware(device="cpu")
TEXT = {
    "vocab_size": 2048,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
VISION = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 128}
ROPE = {"type": "default", "rope_type": "default", "mrope_section": [4, 6, 6]}
FAMILIES = {
    "qwen2": TEXT,
    "qwen3": TEXT | {"head_dim": 32, "tie_word_embeddings": True},
    "qwen2_5_vl": {"text_config": TEXT | {"rope_scaling": ROPE}, "vision_config": VISION},
    "qwen3_vl": {
        "text_config": TEXT | {"head_dim": 32, "rope_scaling": ROPE | {"mrope_interleaved": True}},
        "vision_config": VISION | {"deepstack_visual_indexes": [0]},
    },
}


def recipe(config=None, optimizer=None, loss=None, **more):
    model = {key: more.pop(key) for key in list(more) if key in {"dtype", "activation_checkpointing", "compile_layers", "lora"}}
    values = {
        "run_name": "plan",
        "model": {"config": config or {"model_type": "qwen2", **TEXT}, **model},
        "train_loader": {"dataset": {"remote": "run"}},
        "optimizer": {"lr": 1e-4} | (optimizer or {}),
        "loss": loss or {},
        "max_duration": "1ep",
        "global_train_batch_size": 1,
    }
    return TrainRecipe.model_validate(values | more)


def configuration_of(given):
    return read_configuration(None, given.model.config)


def packs(documents):
    return [
        [
            {"id": n, "ids": torch.zeros(length, dtype=torch.long), "learned": torch.ones(length, dtype=torch.bool)}
            for n, length in enumerate(documents)
        ]
    ]


def counted(given, documents, steps=1):
    """The most that is allocated in a step on a CPU, as torch's profiler counts it, over what is there all the time."""
    inner = build_model(configuration_of(given), dtype=given.model.dtype)
    make_trainable(inner, given.model, vision=False)
    model = OctomedModel(inner, tokens_at_once=given.loss.tokens_at_once)
    if given.model.activation_checkpointing:
        recompute_layers(model, inner, float(given.model.activation_checkpointing))
    optimizer = make_optimizer(model, given.optimizer)
    batch = batch_of(packs(documents), rows_of(inner.config.model_type))

    def step():
        for _ in range(steps):
            model(batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    state = [one for part in optimizer.state.values() for one in part.values()]
    now = most = sum(one.untyped_storage().nbytes() for one in {*inner.parameters(), *state})
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


def planned(given, documents, steps=1):
    load = Load(sum(documents), microbatches=steps, documents=documents)
    return plan_of(given, configuration_of(given), load, CPU).most.total


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("share", [False, 0.5, True])
@pytest.mark.parametrize("documents", [(40, 24), (300, 500, 224)])
def test_a_step_on_a_cpu_takes_what_was_planned(family, share, documents):
    config = {"model_type": family, **FAMILIES[family]}
    given = recipe(config, activation_checkpointing=share, loss={"tokens_at_once": 128})
    ratio = planned(given, documents) / counted(given, documents)
    print(family, share, documents, ratio)
    assert math.isclose(ratio, 1, abs_tol=0.1)
