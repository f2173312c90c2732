"""Learning rates by their formulas, which weights decay, and what is done to gradients first."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

pytest.importorskip("composer")

from composer.core import Time, Timestamp
from octomed.train.components import make_algorithms
from octomed.train.optim import make_optimizer, make_scheduler
from octomed.train.recipe import load_train_recipe
from octomed.train.schema import Optimizer, Scheduler

from . import tiny
from .sessions import write_recipe

STEPS, WARM = 100, 10


def cosine(done):
    return 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2


COURSES = {
    "cosine_with_warmup": cosine,
    "linear_decay_with_warmup": lambda done: 1 - 0.9 * done,
    "constant_with_warmup": lambda _: 1.0,
}


@pytest.mark.parametrize("warm", ["0.1dur", "10ba"])
@pytest.mark.parametrize("name", COURSES)
def test_the_rate_warms_up_and_takes_its_course_to_the_end(name, warm):
    scheduler = make_scheduler(Scheduler(name=name, t_warmup=warm, alpha_f=0.1))
    for step in (0, 1, 9, 10, 11, 55, 99, 100):
        state = SimpleNamespace(
            timestamp=Timestamp(batch=step),
            max_duration=Time.from_timestring(f"{STEPS}ba"),
            dataloader_len=None,
        )
        expected = step / WARM if step < WARM else COURSES[name]((step - WARM) / (STEPS - WARM))
        assert scheduler(state) == pytest.approx(expected), step


@pytest.mark.parametrize("name", ["adamw", "decoupled_adamw"])
def test_matrices_decay_and_norms_do_not(name):
    model = tiny.fresh_model("qwen2")
    settings = Optimizer(name=name, lr=1e-3, betas=(0.8, 0.9), eps=1e-7, weight_decay=0.5)
    made = make_optimizer(model, settings)
    decays = {id(one): group["weight_decay"] for group in made.param_groups for one in group["params"]}
    assert {group["lr"] for group in made.param_groups} == {1e-3}
    assert {(*group["betas"], group["eps"]) for group in made.param_groups} == {(0.8, 0.9, 1e-7)}
    for key, parameter in model.named_parameters():
        assert decays[id(parameter)] == (0.0 if "norm" in key or key.endswith("bias") else 0.5), key


@pytest.mark.parametrize(("sharding", "names"), [
    (None, ["GradientClipping"]),
    ({}, ["MeanGradients", "GradientClipping"]),
])  # fmt: skip
def test_gradients_are_means_before_they_are_clipped(tmp_path, sharding, names):
    clipping = {"gradient_clipping": {}}
    path = write_recipe(tmp_path, tmp_path, fsdp_config=sharding, algorithms=clipping)
    assert [type(one).__name__ for one in make_algorithms(load_train_recipe(path))] == names
