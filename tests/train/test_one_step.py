"""One step on packed data is one step on the same traces unpacked: gradients, for ranks and accumulation."""

from __future__ import annotations

import pytest

from . import tiny
from .one_step import difference, gradients
from .ranks import run_ranks

pytest.importorskip("composer")

TRACES = tiny.traces(12)
UNPACKED = [[trace] for trace in TRACES]
PACKED = [TRACES[:5], TRACES[5:6], TRACES[6:10], TRACES[10:]]
LIMITS = {"float64": 1e-9, "float32": 1e-4}


@pytest.fixture(scope="module")
def by_hand():
    """Gradients of the mean loss over traces run one by one, without Composer."""
    import torch

    made = {}
    for dtype in ("float64", "float32", "bfloat16"):
        for weighting in ("token", "trace"):
            model = tiny.fresh_model("qwen2_5_vl", dtype)
            losses, weights = [], []
            for trace in TRACES:
                batch = tiny.batch_of([[trace]], 4)
                logits = model.network(batch, want="logits")[:-1]
                targets = batch["labels"][0, 1:]
                count = int((targets != -100).sum())
                if count:
                    losses.append(torch.nn.functional.cross_entropy(logits, targets))
                    weights.append(count if weighting == "token" else 1)
            total = sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / sum(weights)
            total.backward()
            trained = {name: one.grad for name, one in model.named_parameters() if one.requires_grad}
            made[dtype, weighting] = trained | {"loss": float(total)}
    return made


@pytest.mark.parametrize("weighting", ["token", "trace"])
@pytest.mark.parametrize(("ranks", "microbatch"), [(1, 4), (1, 1), (2, 2), (2, 1)])
def test_ddp_in_float64(by_hand, weighting, ranks, microbatch):
    found = run_ranks(ranks, _step, PACKED, {"microbatch": microbatch, "weighting": weighting})
    for one in found:
        assert difference(one, by_hand["float64", weighting]) <= LIMITS["float64"]
        assert one["loss"] == pytest.approx(by_hand["float64", weighting]["loss"], rel=1e-6)


@pytest.mark.parametrize("fsdp", [False, True])
def test_two_ranks_in_float32(by_hand, fsdp):
    for packs, microbatch in ((PACKED, 1), (UNPACKED, 3)):
        settings = {"dtype": "float32", "microbatch": microbatch, "fsdp": fsdp}
        for one in run_ranks(2, _step, packs, settings):
            assert difference(one, by_hand["float32", "token"]) <= LIMITS["float32"]


def test_activations_computed_again_change_nothing(by_hand):
    for fsdp in (False, True):
        settings = {"dtype": "float32", "fsdp": fsdp, "checkpointing": True}
        found = run_ranks(2, _step, PACKED, settings)
        assert difference(found[0], by_hand["float32", "token"]) <= LIMITS["float32"]


@pytest.mark.parametrize("fsdp", [False, True])
def test_bfloat16_is_near(by_hand, fsdp):
    """Weights of bfloat16; mixed precision is Composer's for GPUs alone."""
    found = run_ranks(2, _step, PACKED, {"dtype": "bfloat16", "fsdp": fsdp})[0]
    assert 0 < difference(found, by_hand["bfloat16", "token"]) <= 5e-2


def test_composer_s_own_weighting_would_be_wrong(by_hand):
    """The proof can fail: with a mean over packs instead of tokens the gradients differ by far."""
    import torch

    model = tiny.fresh_model("qwen2_5_vl", "float64")
    losses = [model(tiny.batch_of([pack], 4)) for pack in PACKED]
    (torch.stack(losses).mean()).backward()
    trained = {name: one.grad for name, one in model.named_parameters() if one.requires_grad}
    assert difference(trained, by_hand["float64", "token"]) > 1e-3


def _step(packs, settings):
    return gradients(packs, **settings)
