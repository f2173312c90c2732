"""Floating-point operations of a step, beside what torch counts."""

from __future__ import annotations

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from . import tiny

pytest.importorskip("composer")


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_operations_are_those_that_torch_counts(family):
    """Forward and loss, counted; the loss makes its gradients at once, and torch counts no causality."""
    model = tiny.fresh_model(family)
    some = tiny.traces(7)
    batch = tiny.batch_of([some[:3], some[3:]], tiny.rows_of(family))
    text = model.language_model.config.get_text_config()
    layers = [one for name, one in model.named_parameters() if ".layers." in name and one.ndim > 1]
    matrices = sum(one.numel() for one in layers)
    head = model.language_model.lm_head.weight.numel()
    tokens, supervised = batch["input_ids"].shape[1], int(batch["supervised_tokens"].sum())
    squares = sum(len(trace["ids"]) ** 2 for trace in some)
    width = text.num_hidden_layers * text.num_attention_heads * 16
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(batch)
    rotary = counter.get_total_flops() - 2 * matrices * tokens - 6 * head * supervised - 4 * width * squares
    assert 0 <= rotary <= 0.01 * counter.get_total_flops()
    expected = 6 * (matrices * tokens + head * supervised + width * squares)
    assert model.flops_per_batch(batch) == expected


def test_a_part_of_a_batch_costs_its_part():
    from octomed.train.batches import split_batch

    model = tiny.fresh_model("qwen2")
    some = tiny.traces(8)
    batch = tiny.batch_of([some[:3], some[3:4], some[4:]], 1)
    parts = [model.flops_per_batch(part) for part in split_batch(batch, 1)]
    assert sum(parts) == pytest.approx(model.flops_per_batch(batch))
