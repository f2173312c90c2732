"""The recipes of the paper on one GPU, their models of random weights.

Cut to two layers and a small vocabulary they are trained, saved, resumed and exported; at full depth they are
read from a folder of weights, trained on packs of 16,384 tokens, and exported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from .conftest import ROOT

pytest.importorskip("composer")

FAMILIES = {"octomed-7b": "qwen2.5-vl-7b", "octomed-4b": "qwen3-vl-4b"}


def configuration_folder(folder, name):
    """What `from_pretrained` finds of the model's shape where a hub would be asked; both towers cut."""
    from octomed.train.build import read_configuration

    from bench.train.shapes import shape

    values = shape(name, layers=2)
    values["vision_config"]["depth"] = 2
    if "deepstack_visual_indexes" in values["vision_config"]:
        values["vision_config"]["deepstack_visual_indexes"] = [0, 1]
    values["text_config"]["vocab_size"] = 4096
    read_configuration(None, values).save_pretrained(folder)
    return folder


def weights_folder(folder, name):
    """Random weights of the published shape, drawn on the GPU, as `save_pretrained` writes them."""
    from octomed.train.build import build_model, read_configuration

    from bench.train.shapes import shape

    with torch.device("cuda"):
        model = build_model(read_configuration(None, shape(name)), dtype="bfloat16")
    model.save_pretrained(folder)
    del model
    torch.cuda.empty_cache()
    return folder


def train(recipe, folder, model, packed, *words):
    overrides = {
        "model.pretrained_model_name_or_path": model,
        "model.dtype": "bfloat16",
        "tokenizer": "null",
        "run_folder": folder / "run",
        "export_folder": folder / "model",
        "train_loader.dataset.local": folder / "cache",
        "global_train_batch_samples": 40,
        "loggers.tensorboard": "null",
    }
    command = [sys.executable, "train.py", f"recipes/train/{recipe}.yaml"]
    command += [f"{key}={value}" for key, value in overrides.items()] + list(words)
    environment = {
        **os.environ,
        "OCTOMED_RUN": str(packed),
        "OCTOMED_CHECKPOINTS": str(folder / "checkpoints"),
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", FAMILIES)
def test_a_recipe_trains_resumes_and_exports(recipe, packed, tmp_path):
    from safetensors import safe_open

    model = configuration_folder(tmp_path / "shape", FAMILIES[recipe])
    words = ["model.pretrained=false", "save_interval=3ba"]
    first = train(recipe, tmp_path, model, packed, *words, "max_duration=4ba", "export_folder=null")
    assert first.returncode == 0, first.stdout + first.stderr
    second = train(recipe, tmp_path, model, packed, *words, "max_duration=6ba")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "resuming from" in second.stdout + second.stderr
    losses = [line["loss/train/total"] for line in measurements(tmp_path)]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    with safe_open(next((tmp_path / "model").glob("*.safetensors")), "pt") as exported:
        assert all(torch.isfinite(exported.get_tensor(name)).all() for name in exported.keys())  # noqa: SIM118


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", FAMILIES)
def test_a_recipe_trains_at_full_depth(recipe, tmp_path):
    """Without checkpoints: two of them are of 50 GB and more."""
    from bench.train.traces import make_run

    packed = make_run(tmp_path, packs=12, capacity=16_384, small_vocabulary=False)
    model = weights_folder(tmp_path / "weights", FAMILIES[recipe])
    words = ["save_folder=null", "autoresume=false", "callbacks.speed_monitor.window_size=1"]
    done = train(recipe, tmp_path, model, packed, *words, "max_duration=6ba")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = measurements(tmp_path)
    assert len(steps) == 6
    assert steps[-1]["loss/train/total"] < steps[0]["loss/train/total"]
    assert 0 < steps[-1]["throughput/device/mfu"] < 1
    before, after = (
        tensors_of(folder, ["layers.1.mlp.up_proj.weight", "visual.patch_embed.proj.weight"])
        for folder in (model, tmp_path / "model")
    )
    (trained, frozen), (was, stood) = after, before
    assert torch.isfinite(trained).all()
    assert not torch.equal(trained, was)
    assert torch.equal(frozen, stood)


def measurements(folder):
    """What each step logged."""
    lines = (folder / "run/metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "loss/train/total" in line]


def tensors_of(folder, endings):
    """Weights of an exported folder, the first of each ending."""
    from safetensors import safe_open

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as part:
            for name in part.keys():  # noqa: SIM118 no mapping
                for ending in endings:
                    if name.endswith(ending):
                        found.setdefault(ending, part.get_tensor(name))
    return [found[ending] for ending in endings]
