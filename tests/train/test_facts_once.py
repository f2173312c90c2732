"""What several parts of a training need to know is found out in one place, and once."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("composer")

import torch
from composer.core import Precision, Timestamp
from octomed.errors import RecipeError
from octomed.stream.images import Vision
from octomed.train import image_ablation, run
from octomed.train.build import build_model, parts_of, read_configuration
from octomed.train.freeze import make_trainable
from octomed.train.image_ablation import NAMES
from octomed.train.prepare import Prepared
from octomed.train.recipe import load_train_recipe
from octomed.train.vision_monitors import SpeedWithoutVision, StepOperations, VisionMonitor

from . import image_tiny
from .sessions import write_recipe

FAMILY = "qwen2_5_vl"
TEXT: Any = SimpleNamespace(vision=None, streams={})
PICTURED: Any = SimpleNamespace(vision=image_tiny.RECORDS[FAMILY], streams={})


def prepared(folder, *words, runs=(TEXT, PICTURED), **more):
    recipe = load_train_recipe(write_recipe(folder, folder), list(words))
    configuration = read_configuration(None, image_tiny.configuration(FAMILY))
    batching: Any = SimpleNamespace(per_rank=1)
    vision = Vision.of(PICTURED.vision)
    return Prepared(recipe, runs[0], configuration, batching, folder, runs, vision, **more)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["model.freeze_vision=true"],
        ["model.freeze_vision=false"],
        ["model.lora={r: 2}"],
        ["model.lora={r: 2, vision: true}"],
        ["model.lora={r: 2}", "model.freeze_vision=false"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("runs", [(TEXT, PICTURED), (PICTURED,), (TEXT,)], ids=["both", "images", "text"])
def test_what_a_pack_costs_follows_from_what_is_trained(tmp_path, monkeypatch, words, runs):
    """Of a tower in which nothing is trained, adapters included, there is no backward pass."""
    if "lora" in " ".join(words):
        pytest.importorskip("peft")
    asked = {}
    monkeypatch.setattr(run, "make_loader", lambda *_, **named: asked.update(named))
    made = prepared(tmp_path, *words, runs=runs)
    if "vision: true" in " ".join(words) and runs == (TEXT,):
        return  # which is refused
    run._train_loader(made)
    model = build_model(read_configuration(None, image_tiny.configuration(FAMILY)))
    make_trainable(model, made.recipe.model, vision=PICTURED in runs)
    trained = any(one.requires_grad for one in parts_of(model)["vision"].values())
    assert asked["frozen_vision"] == (not trained)


def test_a_run_of_text_before_one_of_images_leaves_the_tower_trained(tmp_path):
    model = run.make_model(prepared(tmp_path))
    assert all(one.requires_grad for one in parts_of(model.language_model)["vision"].values())
    model = run.make_model(prepared(tmp_path, runs=(TEXT,), evaluated=(PICTURED,)))
    assert not any(one.requires_grad for one in parts_of(model.language_model)["vision"].values())


@pytest.mark.parametrize(
    ("evaluated", "said"),
    [((), "nothing is evaluated"), ((TEXT,), "what is evaluated shows no image"), ((TEXT, PICTURED), None)],
)
def test_images_are_swapped_where_the_runs_that_are_evaluated_show_some(tmp_path, evaluated, said):
    """They are open already: nobody asks a store for them again."""
    made = prepared(tmp_path, evaluated=evaluated)
    if said is None:
        run._check_swap(made)
        return
    with pytest.raises(RecipeError, match=said):
        run._check_swap(made)


def test_answers_are_found_once_for_both_measures(monkeypatch):
    found = []
    whole = image_ablation.swapped
    monkeypatch.setattr(image_ablation, "swapped", lambda batch: found.append(1) or whole(batch))
    model = image_tiny.fresh_model(FAMILY, swap_images=True).eval()
    metrics = model.get_metrics(is_train=False)
    documents = image_tiny.documents(8)
    batches = [image_tiny.batch_of(FAMILY, [documents[:4]]), image_tiny.batch_of(FAMILY, [documents[4:]])]
    with torch.no_grad():
        for batch in batches:
            for metric in metrics.values():
                model.update_metric(batch, model.eval_forward(batch), metric)
        assert len(found) == len(batches)
        for name in NAMES:  # as those that find them out for themselves
            alone = image_ablation.AnswerAccuracy(image_tiny.by_hand.IMAGE, swap=name == NAMES[1])
            for batch in batches:
                alone.update(batch, partial(model.network, want="logits"))
            both = metrics[name]
            assert (int(alone.right), int(alone.answers)) == (int(both.right), int(both.answers))


def test_a_step_s_operations_are_counted_once_for_all_that_log_them(monkeypatch):
    model = image_tiny.fresh_model(FAMILY)
    counted = []
    whole = type(model).operations_saved
    monkeypatch.setattr(
        type(model), "operations_saved", lambda self, batch: counted.append(1) or whole(self, batch)
    )
    batch = image_tiny.batch_of(FAMILY, [image_tiny.documents(4)])
    logged: dict[str, float] = {}
    logger: Any = SimpleNamespace(log_metrics=logged.update)
    device = SimpleNamespace(tensor_to_device=lambda value: value)
    operations = StepOperations()
    monitors = [VisionMonitor(operations), SpeedWithoutVision(operations, window_size=2)]
    for step in (1, 2, 3):
        state: Any = SimpleNamespace(
            batch=batch, model=model, device=device, timestamp=Timestamp(batch=step), precision=Precision.FP32
        )
        monkeypatch.setattr("composer.callbacks.SpeedMonitor.batch_end", clock)
        for monitor in monitors:
            monitor.batch_end(state, logger)
        assert len(counted) == step
    expected = model.vision_operations(batch) / model.flops_per_batch(batch)
    assert logged["vision/operations_share"] == pytest.approx(expected)
    text = model.flops_per_batch(batch) - model.vision_operations(batch)
    assert logged["throughput/device/flops_per_sec_without_vision"] == pytest.approx(text)


def clock(self, state, _):
    """A second a step, in the place of Composer's own."""
    self.history_wct.append(float(state.timestamp.batch.value))
