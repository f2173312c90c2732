"""Learning rates by their formulas, which weights decay, and what is done to gradients first."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest

pytest.importorskip("composer")

import torch
from composer.core import Event, Time, Timestamp, TimeUnit
from composer.core.passes import set_filo_order
from composer.devices import DeviceCPU
from octomed.errors import RecipeError
from octomed.train.build import build_model, part_of, read_configuration
from octomed.train.components import make_algorithms, make_callbacks
from octomed.train.freeze import make_trainable
from octomed.train.optim import make_optimizer
from octomed.train.rates import LearningRates
from octomed.train.recipe import load_train_recipe
from octomed.train.schema_model import Group, Groups, Model, Optimizer, Scheduler

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


def rates(settings, duration, steps, *, packs=1, tokens=1, epoch=None):  # noqa: PLR0913 what a state says
    """The rates of an optimizer's two groups at some steps, counted from 1, in any order."""
    weight = torch.nn.Parameter(torch.zeros(2))
    groups = [
        {"params": [weight], "lr": 3.0, "initial_lr": 3.0},
        {"params": [], "lr": 0.5, "initial_lr": 0.5},
    ]
    optimizer = torch.optim.SGD(groups)
    callback, found = LearningRates(settings), []
    for step in steps:
        done = step - 1
        state = SimpleNamespace(
            timestamp=Timestamp(batch=done, sample=done * packs, token=done * tokens),
            max_duration=Time.from_timestring(duration),
            dataloader_len=None if epoch is None else Time(epoch, TimeUnit.BATCH),
            optimizers=[optimizer],
            device=DeviceCPU(),
            batch={"packs": torch.zeros(packs, 2), "input_ids": torch.zeros(1, tokens)},
        )
        callback.batch_start(state, None)
        found.append([group["lr"] for group in optimizer.param_groups])
    return found


@pytest.mark.parametrize("warm", ["0.1dur", "10ba"])
@pytest.mark.parametrize("name", COURSES)
def test_the_rate_warms_up_from_the_first_step_and_takes_its_course_to_the_end(name, warm):
    """Step n of W warm ones has n/W of the rate; after them, step n has that of n - 1 - W of all others."""
    steps = (1, 2, 3, 9, 10, 11, 12, 55, 99, 100)
    found = rates(Scheduler(name=name, t_warmup=warm, alpha_f=0.1), f"{STEPS}ba", steps)
    for step, (one, other) in zip(steps, found, strict=True):
        expected = step / WARM if step <= WARM else COURSES[name]((step - 1 - WARM) / (STEPS - WARM))
        assert one == pytest.approx(3.0 * expected), step
        assert other == pytest.approx(0.5 * expected), step


def test_the_first_steps_rise_and_none_is_zero():
    found = [one for one, _ in rates(Scheduler(t_warmup="4ba"), "12ba", range(1, 13))]
    assert found[:5] == pytest.approx([0.75, 1.5, 2.25, 3.0, 3.0])
    assert all(later < before for before, later in itertools.pairwise(found[4:]))
    assert found[-1] > 0


@pytest.mark.parametrize("warm", ["0ba", "1ba", "0.01dur"])
def test_without_a_warm_up_the_first_step_has_all(warm):
    found = [one for one, _ in rates(Scheduler(t_warmup=warm), "20ba", (1, 2))]
    assert found[0] == 3.0
    assert found[1] == (3.0 if warm == "1ba" else pytest.approx(1.5 * (1 + math.cos(math.pi / 20))))


def test_a_resumed_step_has_the_rate_that_it_would_have_had():
    """Nothing is remembered: the rates of steps asked for in any order are those of a whole run."""
    settings = Scheduler(t_warmup="3ba", alpha_f=0.2)
    whole = rates(settings, "10ba", range(1, 11))
    assert rates(settings, "10ba", (7, 8, 2)) == [whole[6], whole[7], whole[1]]


@pytest.mark.parametrize(
    ("warm", "duration"),
    [("40sp", "400sp"), ("0.1dur", "400sp"), ("7000tok", "70000tok"), ("0.1dur", "2ep"), ("10ba", "2ep")],
)
def test_packs_tokens_and_epochs_count_as_steps_do(warm, duration):
    steps = (1, 5, 10, 11, 60, 100)
    expected = rates(Scheduler(t_warmup="10ba"), "100ba", steps)
    found = rates(Scheduler(t_warmup=warm), duration, steps, packs=4, tokens=700, epoch=50)
    assert found == [pytest.approx(one) for one in expected]


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


@pytest.fixture
def whole():
    """A model all of whose parts are trained."""
    model = build_model(read_configuration(None, tiny.configuration("qwen3_vl")))
    make_trainable(model, Model(config={}), vision=True)
    return model


@pytest.mark.parametrize("name", ["adamw", "decoupled_adamw"])
def test_a_part_has_the_rate_and_the_decay_of_its_group(whole, name):
    groups = Groups(vision=Group(lr=1e-5), projector=Group(lr=3e-4, weight_decay=0.25))
    made = make_optimizer(whole, Optimizer(name=name, lr=1e-3, weight_decay=0.5, groups=groups))
    group_of = {id(one): group for group in made.param_groups for one in group["params"]}
    assert len(group_of) == len(list(whole.parameters()))
    expected = {"vision": (1e-5, 0.5), "projector": (3e-4, 0.25), "language": (1e-3, 0.5)}
    for key, parameter in whole.named_parameters():
        rate, decay = expected[part_of(key)]
        group = group_of[id(parameter)]
        assert group["lr"] == group["initial_lr"] == rate, key
        assert group["weight_decay"] == (decay if parameter.ndim > 1 else 0.0), key


def test_groups_move_by_their_rates(whole):
    """A first step of AdamW moves every weight by its rate, whatever its gradient."""
    groups = Groups(vision=Group(lr=1e-3), projector=Group(lr=1e-4))
    made = make_optimizer(whole, Optimizer(lr=1e-2, eps=1e-20, groups=groups))
    before = {name: one.detach().clone() for name, one in whole.named_parameters()}
    for parameter in whole.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.step()
    for name, parameter in whole.named_parameters():
        rate = {"vision": 1e-3, "projector": 1e-4, "language": 1e-2}[part_of(name)]
        moved = before[name] - parameter.detach()
        assert torch.allclose(moved, torch.full_like(moved, rate), rtol=1e-3, atol=1e-7), name


@pytest.mark.parametrize(
    ("family", "freeze", "part", "why"),
    [
        ("qwen2_5_vl", {"freeze_vision": True}, "vision", "is frozen"),
        ("qwen2_5_vl", {"freeze_language": True}, "language", "is frozen"),
        ("qwen2", {}, "vision", "is none that the model has"),
        ("qwen2", {}, "projector", "is none that the model has"),
    ],
)
def test_a_group_of_what_is_not_moved_is_refused(family, freeze, part, why):
    model = build_model(read_configuration(None, tiny.configuration(family)))
    make_trainable(model, Model(config={}, **freeze), vision=True)
    settings = Optimizer(lr=1e-3, groups=Groups(**{part: Group(lr=1e-5)}))
    with pytest.raises(RecipeError, match=rf"`optimizer\.groups\.{part}`: this part {why}") as found:
        make_optimizer(model, settings)
    assert found.value.hint


@pytest.mark.parametrize(("sharding", "images", "names"), [
    (None, False, ["GradientClipping"]),
    ({}, False, ["MeanGradients", "GradientClipping"]),
    ({}, True, ["MeanGradients", "NoGradientsFromDummies", "GradientClipping"]),
])  # fmt: skip
def test_gradients_are_means_before_they_are_clipped(tmp_path, sharding, images, names):
    """In the order in which Composer runs them, which is not that of the list."""
    clipping = {"gradient_clipping": {}}
    path = write_recipe(tmp_path, tmp_path, fsdp_config=sharding, algorithms=clipping)
    made = make_algorithms(load_train_recipe(path), images=images)
    run = set_filo_order(
        [one for one in made if one.match(Event.AFTER_TRAIN_BATCH, None)], Event.AFTER_TRAIN_BATCH
    )
    assert [type(one).__name__ for one in run] == names


def test_rates_are_set_before_they_are_logged(tmp_path):
    recipe = load_train_recipe(write_recipe(tmp_path, tmp_path))
    configuration = read_configuration(None, tiny.configuration("qwen2"))
    made = make_callbacks(recipe, configuration, folder=tmp_path, capacity=512)
    names = [type(one).__name__ for one in made]
    assert names.index("LearningRates") < names.index("LearningRate")
