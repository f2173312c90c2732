"""Splitting and counting: what Composer is told of a batch of packs."""

from __future__ import annotations

import copy

import pytest
import torch
from octomed.errors import RecipeError

from . import tiny

pytest.importorskip("composer")

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
