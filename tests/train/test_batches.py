"""Splitting and counting: what Composer is told of a batch of packs."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from octomed.errors import RecipeError

from . import tiny

pytest.importorskip("composer")

from octomed.train import monitors
from octomed.train.batches import number_of_packs, numbers_of_tokens, split_batch


def packs_of(sizes):
    some = iter(tiny.traces(sum(sizes)))
    return [[next(some) for _ in range(size)] for size in sizes]


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 5, 99])
def test_a_part_is_what_the_collator_makes_of_its_packs(rows, at_once):
    packs = packs_of([3, 1, 5, 2, 1])
    parts = split_batch(tiny.batch_of(packs, rows), at_once)
    expected = [packs[first : first + at_once] for first in range(0, len(packs), at_once)]
    assert len(parts) == len(expected)
    for part, some in zip(parts, expected, strict=True):
        whole = tiny.batch_of(some, rows)
        assert next(iter(part)) == "packs"
        assert part.keys() == whole.keys()
        for name, value in whole.items():
            assert torch.equal(torch.as_tensor(part[name]), torch.as_tensor(value)), name
            assert isinstance(part[name], type(value))


@pytest.mark.parametrize("weighting", ["token", "trace"])
def test_counts_of_the_parts_add_up(weighting):
    batch = tiny.batch_of(packs_of([3, 1, 5, 2]), 4)
    parts = split_batch(batch, 3)
    assert sum(map(number_of_packs, parts)) == number_of_packs(batch) == 4
    for kind in ("total", "loss_generating"):
        counts = [numbers_of_tokens(part, weighting=weighting)[kind] for part in parts]
        assert sum(counts) == numbers_of_tokens(batch, weighting=weighting)[kind]
    assert numbers_of_tokens(batch)["loss_generating"] == int((batch["labels"] != -100).sum())


def test_a_batch_survives_a_deep_copy():
    batch = tiny.batch_of(packs_of([2, 2]), 4)
    copied = copy.deepcopy(batch)
    assert all(torch.equal(torch.as_tensor(copied[name]), torch.as_tensor(batch[name])) for name in batch)


@pytest.mark.parametrize("packs", [0, 0.5, 1.5, -1])
def test_a_piece_of_a_pack_is_refused(packs):
    with pytest.raises(RecipeError, match="microbatch"):
        split_batch(tiny.batch_of(packs_of([1]), 1), packs)


def test_padding_and_waiting_are_shares_over_all_ranks(monkeypatch):
    """Two equal ranks of two packs: a step of 4 seconds, 1 of them waited, and one of 2 without waiting."""
    times = iter([0.0, 1.0, 2.0, 4.0, 4.0, 4.0, 6.0])
    monkeypatch.setattr(monitors.time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(monitors.dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(monitors.dist, "all_reduce", lambda both, **_: both.mul_(2))
    state = SimpleNamespace(
        batch={"packs": torch.tensor([[60, 3], [90, 2]])},
        device=SimpleNamespace(tensor_to_device=lambda one: one),
    )
    found = []
    logger = SimpleNamespace(log_metrics=found.append)
    monitor = monitors.DataMonitor(capacity=100)
    for _ in range(2):
        monitor.before_dataloader(state, logger)
        monitor.after_dataloader(state, logger)
        monitor.batch_end(state, logger)
    counts = {"data/packs": 4, "data/traces": 10, "data/tokens": 300, "data/padding_share": 0.25}
    assert found == [
        counts | {"data/wait_share": 0.25, "data/tokens_per_second": 75.0},
        counts | {"data/wait_share": 0.0, "data/tokens_per_second": 150.0},
    ]
