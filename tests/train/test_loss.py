"""The loss a stretch at a time equals the plain one, in value and in gradients."""

from __future__ import annotations

import importlib.metadata

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from . import tiny

pytest.importorskip("composer")

from octomed.errors import RecipeError
from octomed.train.loss import choose_implementation, liger_cross_entropy, weighted_cross_entropy
from octomed.train.network import PackedNetwork, loss_units

EXACT = {torch.float64: 1e-12, torch.float32: 1e-6}


def plain(hidden, weight, targets, weights):
    losses = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="none")
    return (losses * weights).sum()


def inputs(rows, vocabulary, dtype, seed):
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, 16, generator=draw, dtype=dtype)
    weight = torch.randn(vocabulary, 16, generator=draw, dtype=dtype)
    targets = torch.randint(0, vocabulary, (rows,), generator=draw)
    return hidden, weight, targets, torch.rand(rows, generator=draw, dtype=dtype)


def gradients(function, hidden, weight, *rest, **settings):
    hidden, weight = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
    loss = function(hidden, weight, *rest, **settings)
    (loss * 3).backward()
    return loss.detach(), hidden.grad, weight.grad


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 50),
    vocabulary=st.integers(2, 300),
    at_once=st.integers(1, 64),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**20),
)
def test_equals_the_plain_loss(rows, vocabulary, at_once, dtype, seed):
    given_inputs = inputs(rows, vocabulary, dtype, seed)
    ours = gradients(weighted_cross_entropy, *given_inputs, tokens_at_once=at_once)
    theirs = gradients(plain, *given_inputs)
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).norm() <= EXACT[dtype] * max(1.0, float(other.norm()))


def test_large_logits_do_not_overflow():
    hidden, weight, targets, weights = inputs(8, 40, torch.float32, 5)
    ours = gradients(weighted_cross_entropy, hidden * 1e4, weight, targets, weights)
    theirs = gradients(plain, hidden * 1e4, weight, targets, weights)
    assert all(bool(part.isfinite().all()) for part in ours)
    assert torch.allclose(ours[0], theirs[0], rtol=1e-6)


class LargestTensor(TorchDispatchMode):
    """Elements of the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        self.elements = max([self.elements, *(one.numel() for one in tensors)])
        return made


@pytest.mark.parametrize("at_once", [8, 32])
def test_all_logits_never_exist_at_once(at_once):
    """Forward and backward: nothing larger than the logits of a stretch, of 512 tokens' worth of them."""
    rows, vocabulary = 512, 1000
    hidden, weight, targets, weights = inputs(rows, vocabulary, torch.float32, 9)
    hidden.requires_grad_(), weight.requires_grad_()
    with LargestTensor() as ours:
        weighted_cross_entropy(hidden, weight, targets, weights, tokens_at_once=at_once).backward()
    with LargestTensor() as theirs:
        plain(hidden, weight, targets, weights).backward()
    assert ours.elements == max(at_once * vocabulary, weight.numel())
    assert theirs.elements == rows * vocabulary


def test_a_frozen_layer_gets_no_gradient():
    hidden, weight, targets, weights = inputs(8, 40, torch.float32, 6)
    hidden.requires_grad_()
    weighted_cross_entropy(hidden, weight, targets, weights).backward()
    assert weight.grad is None
    assert hidden.grad is not None


def test_autocast_multiplies_in_bfloat16_and_sums_in_float32():
    hidden, weight, targets, weights = inputs(64, 40, torch.float32, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = weighted_cross_entropy(hidden, weight, targets, weights)
    exact = plain(hidden, weight, targets, weights)
    assert loss.dtype == torch.float32
    assert loss != exact
    assert abs(loss - exact) <= 1e-2 * exact


@pytest.mark.parametrize("weighting", ["token", "trace"])
def test_the_network_s_loss_is_the_mean_over_tokens_or_traces(weighting):
    """By hand: each trace alone through the library's loss, then the mean that the recipe asks for."""
    some = tiny.traces(6)
    batch = tiny.batch_of([some[:4], some[4:]], 4)
    network = PackedNetwork(tiny.language_model("qwen2_5_vl"), weighting=weighting)
    with torch.no_grad():
        ours = network(batch)
        logits = network(batch, want="logits").double()
    sums, counts = [], []
    for begin, end in zip(batch["cu_seqlens"], batch["cu_seqlens"][1:], strict=False):
        labels = batch["labels"][0, begin + 1 : end]
        losses = torch.nn.functional.cross_entropy(logits[begin : end - 1], labels, reduction="none")
        sums.append(float(losses.sum()))
        counts.append(int((labels != -100).sum()))
    learned = [(total, count) for total, count in zip(sums, counts, strict=True) if count]
    assert len(learned) < len(some)
    means = [total / count for total, count in learned]
    expected = sum(means) / len(means) if weighting == "trace" else sum(sums) / sum(counts)
    assert abs(float(ours) - expected) <= 1e-6 * expected
    assert loss_units(batch, weighting) == (len(learned) if weighting == "trace" else sum(counts))


def test_a_batch_with_nothing_to_learn_has_loss_zero_and_gradients_zero():
    network = PackedNetwork(tiny.language_model("qwen2"))
    batch = tiny.batch_of([[tiny.traces(2)[1]]], 1)
    network(batch).backward()
    assert network(batch).item() == 0.0
    gradients_of = [parameter.grad for parameter in network.parameters() if parameter.requires_grad]
    assert all(gradient is not None and not gradient.any() for gradient in gradients_of)
    network.zero_grad()


@pytest.mark.parametrize(
    ("device", "weighting", "lack"),
    [("cpu", "token", "a GPU"), ("cuda", "trace", "`loss.weight: token`")],
)
def test_liger_is_refused_where_it_cannot_run(device, weighting, lack):
    assert choose_implementation("auto", device, weighting) == "torch"
    assert choose_implementation("torch", device, weighting) == "torch"
    with pytest.raises(RecipeError, match=lack):
        choose_implementation("liger", device, weighting)


@pytest.mark.parametrize(
    ("version", "fits"), [("0.6.1", False), ("0.6.2", True), ("1.0.0rc1", True), (None, False)]
)
def test_an_old_liger_counts_as_none(version, fits, monkeypatch):
    def installed(name):
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    assert choose_implementation("auto", "cuda", "token") == ("liger" if fits else "torch")
    if not fits:
        with pytest.raises(RecipeError, match=r"`liger-kernel` 0\.6\.2 or later"):
            choose_implementation("liger", "cuda", "token")


@pytest.mark.gpu
def test_liger_equals_torch():
    pytest.importorskip("liger_kernel")
    hidden, weight, targets, _ = (part.cuda() for part in inputs(64, 300, torch.float32, 8))
    ours = gradients(weighted_cross_entropy, hidden, weight, targets, torch.ones(64, device="cuda"))
    theirs = gradients(liger_cross_entropy, hidden, weight, targets)
    apart = [float((one - other).norm() / other.norm()) for one, other in zip(ours, theirs, strict=True)]
    assert max(apart) <= 1e-6, apart


@pytest.mark.gpu
@pytest.mark.parametrize("implementation", ["torch", "liger"])
def test_sums_over_many_tokens_keep_their_digits_in_bfloat16(implementation):
    """Hundreds of stretches: sums that are rounded to bfloat16 each time would be off by far more."""
    pytest.importorskip("liger_kernel")
    rows = 2048
    exact = [part.cuda() for part in inputs(rows, 4096, torch.bfloat16, 8)[:3]]
    ones = torch.ones(rows, device="cuda")
    if implementation == "liger":
        found = gradients(liger_cross_entropy, *exact)
    else:
        found = gradients(weighted_cross_entropy, *exact, ones, tokens_at_once=8)
    slow = gradients(plain, exact[0].double(), exact[1].double(), exact[2], ones.double())
    apart = [float((one - other).norm() / other.norm()) for one, other in zip(found, slow, strict=True)]
    assert max(apart) <= 1e-2, apart
