"""The plan of memory against what torch counts on a CPU, and against what was measured on a GPU."""

from __future__ import annotations

import json
import math
import resource
from pathlib import Path

import pytest
import torch
from octomed.train.build import build_model, read_configuration
from octomed.train.freeze import make_trainable
from octomed.train.layers import recompute_layers
from octomed.train.model import OctomedModel
from octomed.train.optim import make_optimizer
from octomed.train.plan import Planner
from octomed.train.plan_advice import Training, advise
from octomed.train.plan_values import Hardware, Load
from octomed.train.schema import TrainRecipe
from octomed.train.schema_model import Model

from bench.train.shapes import shape

from .tiny import batch_of, rows_of

RESULTS = Path(__file__).parents[2] / "bench/results"
SHORT, LONG = (40, 24), (300, 500, 224)
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
    model = {key: more.pop(key) for key in list(more) if key in Model.model_fields}
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
            {
                "id": n,
                "ids": torch.zeros(length, dtype=torch.long),
                "learned": torch.ones(length, dtype=torch.bool),
            }
            for n, length in enumerate(documents)
        ]
    ]


def counted(given, documents, steps=1, parallel=None):
    """The most that lives in a step on a CPU: what is always there, and what torch's profiler counts."""
    inner = build_model(configuration_of(given), dtype=given.model.dtype)
    make_trainable(inner, given.model, vision=False)
    model = OctomedModel(inner, tokens_at_once=given.loss.tokens_at_once)
    if given.model.activation_checkpointing:
        recompute_layers(model, inner, float(given.model.activation_checkpointing))
    whole = sum(one.untyped_storage().nbytes() for one in inner.parameters())
    run = model if parallel is None else parallel(model)
    optimizer = make_optimizer(model, given.optimizer)
    batch = batch_of(packs(documents), rows_of(inner.config.model_type))

    def step():
        for _ in range(steps):
            run(batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(1 if parallel is None else 3):  # DDP makes its buckets anew in the second
        step()
    state = [one for part in optimizer.state.values() for one in part.values()]
    local = [getattr(one, "_local_tensor", one) for one in (*inner.parameters(), *state)]
    now = most = sum({one.untyped_storage()._cdata: one.untyped_storage().nbytes() for one in local}.values())
    now += whole if isinstance(run, torch.nn.parallel.DistributedDataParallel) else 0  # its buckets
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        step()
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


def most(given, load, hardware):
    return Planner(configuration_of(given), hardware).plan(given, load).most.total


def planned(given, documents, steps=1, gpus=1):
    load = Load(sum(documents), microbatches=steps, documents=documents)
    return most(given, load, Hardware(gpus, device="cpu"))


@pytest.mark.parametrize(
    ("family", "share"), [("qwen2", False), ("qwen3", True), ("qwen2_5_vl", 0.5), ("qwen3_vl", 0.5)]
)
def test_a_step_on_a_cpu_takes_what_was_planned(family, share):
    config = {"model_type": family, **FAMILIES[family]}
    given = recipe(config, activation_checkpointing=share, loss={"tokens_at_once": 128})
    for documents in SHORT, LONG:
        assert math.isclose(planned(given, documents), counted(given, documents), rel_tol=0.1), documents


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"dtype": "bfloat16"}, 1),
        ({"dtype": "float64"}, 1),
        ({}, 3),
        ({"optimizer": {"name": "decoupled_adamw"}}, 1),
        ({"loss": {"tokens_at_once": 1024}}, 1),
        ({"lora": {"r": 4}}, 1),
    ],
)
def test_other_settings_take_what_was_planned(settings, steps):
    if "lora" in settings:
        pytest.importorskip("peft")
    given = recipe(**settings)
    assert math.isclose(planned(given, LONG, steps), counted(given, LONG, steps), rel_tol=0.1)


def measured_on_a_gpu():
    """Model, share of layers computed twice, loss, and GB, of every figure of packs in `bench/results`."""
    for file in ("train.json", "train-recompute-10.json"):
        for name, model in json.loads((RESULTS / file).read_text())["models"].items():
            way = model["ways"]["packed"]
            learned = max(step["supervised"] / step["tokens"] for step in way["steps"])
            yield name, way["recompute"], "liger", learned, way["peak_memory_gb"]
    steps = json.loads((RESULTS / "train-steps-h200.json").read_text())
    for one in steps["shares"]:
        yield steps["model"], one["recompute"], one["loss"], 1.0, one["peak_memory_gb"]


@pytest.mark.parametrize(("name", "share", "loss", "learned", "gigabytes"), list(measured_on_a_gpu()))
def test_what_was_measured_on_a_gpu_is_planned(name, share, loss, learned, gigabytes):
    given = recipe(
        shape(name),
        dtype="bfloat16",
        compile_layers=True,
        activation_checkpointing=True if share == 1 else share,
        loss={"implementation": loss},
    )
    load = Load(16_384, learned=learned)
    assert math.isclose(most(given, load, Hardware()) / 1e9, gigabytes, rel_tol=0.05)


def test_no_memory_is_taken_for_a_large_model():
    given = recipe(shape("qwen2.5-vl-7b"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert most(given, Load(16_384, 20_000, 2), Hardware()) > 100e9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB


def test_images_take_more_and_a_trained_tower_more_than_a_frozen_one():
    def total(patches, **settings):
        given = recipe(shape("qwen3-vl-4b"), dtype="bfloat16", activation_checkpointing=True, **settings)
        return most(given, Load(16_384, patches), Hardware())

    frozen = {"freeze_vision": True, "freeze_projector": True}
    assert total(0) < total(40_000, **frozen) < total(40_000)


# Does it fit, and what would make it fit?


def advice(given, load, gpus, memory):
    planner = Planner(configuration_of(given), Hardware(gpus))
    return [one.settings for one in advise(Training(given, load), planner, memory)]


def test_single_settings_that_make_it_fit_are_named_from_the_least():
    given = recipe(shape("qwen2.5-vl-7b"), dtype="bfloat16", compile_layers=True)
    assert ("model.activation_checkpointing=0.6",) in advice(given, Load(16_384), 1, 90e9)


def test_what_takes_two_settings_gets_two():
    given = recipe(shape("qwen2.5-vl-7b"), compile_layers=True)
    found = advice(given, Load(16_384), 1, 80e9)
    assert found[0] == ("model.activation_checkpointing=true", "model.dtype=bfloat16")


def test_what_never_fits_gets_no_advice():
    assert advice(recipe(), Load(512), 1, 1e6) == []
