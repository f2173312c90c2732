"""A whole run on one GPU: bfloat16, FSDP2's memory, MFU. Skipped, with that reason, where there is none."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("composer")

from .ranks import run_ranks
from .sessions import train, write_recipe

STEPS = 4


def measurements(folder, packed, *, environment=None, **changes):
    """What each step of a run on one rank logged."""
    callbacks = {"speed_monitor": {"window_size": 1, "gpu_flops_available": 1e15}, "memory_monitor": {}}
    recipe = write_recipe(
        folder,
        packed,
        max_duration=f"{STEPS}ba",
        save_folder=None,
        autoresume=False,
        callbacks=callbacks | {"report": None},
        **changes,
    )
    run_ranks(1, train, recipe, environment=environment)
    return [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]


@pytest.mark.gpu
@pytest.mark.parametrize("sharding", [None, {}], ids=["ddp", "fsdp"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_in_bfloat16_learns_what_a_cpu_learns(packed, tmp_path, sharding, dtype):
    slow = measurements(tmp_path / "cpu", packed, environment={"CUDA_VISIBLE_DEVICES": ""}, precision="fp32")
    fast = measurements(
        tmp_path / "gpu",
        packed,
        precision="amp_bf16",
        fsdp_config=sharding,
        model={**model_of(tmp_path / "cpu"), "dtype": dtype},
    )
    assert [step["loss/train/total"] for step in fast] == pytest.approx(
        [step["loss/train/total"] for step in slow], rel=2e-2
    )
    assert all(step["memory/peak_allocated_mem"] > 0 for step in fast)
    assert all(0 < step["throughput/device/mfu"] < 1 for step in fast[1:])


def model_of(folder):
    import yaml

    return yaml.safe_load((folder / "train.yaml").read_text())["model"]
