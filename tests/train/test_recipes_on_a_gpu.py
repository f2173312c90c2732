"""The recipes of the paper on a GPU, cut to two layers: trained, saved, resumed and exported."""

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
    """What `from_pretrained` finds of the model's shape where a hub would be asked."""
    from octomed.train.build import read_configuration

    from bench.train.shapes import shape

    read_configuration(None, shape(name, layers=2)).save_pretrained(folder)
    return folder


def train(recipe, folder, model, packed, *words):
    overrides = {
        "model.pretrained_model_name_or_path": model,
        "model.pretrained": "false",
        "model.dtype": "bfloat16",
        "tokenizer": "null",
        "run_folder": folder / "run",
        "export_folder": folder / "model",
        "train_loader.dataset.local": folder / "cache",
        "global_train_batch_samples": 40,
        "save_interval": "3ba",
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
    first = train(recipe, tmp_path, model, packed, "max_duration=4ba", "export_folder=null")
    assert first.returncode == 0, first.stdout + first.stderr
    second = train(recipe, tmp_path, model, packed, "max_duration=6ba")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "resuming from" in second.stdout + second.stderr
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    losses = [line["loss/train/total"] for line in lines if "loss/train/total" in line]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    with safe_open(next((tmp_path / "model").glob("*.safetensors")), "pt") as exported:
        assert all(torch.isfinite(exported.get_tensor(name)).all() for name in exported.keys())  # noqa: SIM118
