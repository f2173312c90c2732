"""Splitting and counting: what Composer is told of a batch of packs."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.errors import DataError, RecipeError
from octomed.stream.contract import CONTRACT, REQUIRED, Axis

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


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("settings", [{}, {"share_images": False}, {"transformers_lengths": True}])
@pytest.mark.parametrize("tables", [{}, {"window": 2}, {"grid_side": 3}])
def test_a_part_of_a_batch_with_images_is_what_the_collator_makes_of_its_packs(at_once, settings, tables):
    from octomed.stream import Collator
    from octomed.stream.tower_tables import TowerTables

    from tests.stream import image_packs as by_hand

    vision, learned = by_hand.RECORDS["qwen3-vl"], ([5, 6], True)
    one, two = by_hand.encoded(64, 90), by_hand.encoded(90, 64)
    documents = [[[learned, one], [one, two, learned]], [[learned]], [[two, learned]], [[one, learned, one]]]
    packs = [by_hand.pack_of([by_hand.Document(some) for some in pack], vision) for pack in documents]
    if tables and settings.get("share_images") is False:
        pytest.skip("tables are of images that stand once")
    made = TowerTables(2, **tables) if tables else None
    collator = Collator(vision=vision, tower_tables=made, **settings)
    parts = split_batch(collator(packs), at_once)
    expected = [collator(packs[first : first + at_once]) for first in range(0, len(packs), at_once)]
    for part, whole in zip(parts, expected, strict=True):
        assert list(part) == list(whole)
        for name, value in whole.items():
            assert torch.equal(torch.as_tensor(part[name]), torch.as_tensor(value)), name


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


@st.composite
def batches(draw):
    """A batch with every key of the contract: packs of documents, some with images of some patches."""
    packs = draw(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), min_size=1, max_size=5))
    images = [draw(st.integers(0, 2)) for _ in packs]
    grid = torch.tensor([draw(st.tuples(*[st.integers(1, 2)] * 3)) for _ in range(sum(images))])
    grid = grid.reshape(-1, 3).to(torch.int64)
    lengths = torch.tensor([length for pack in packs for length in pack])
    edges = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]).to(torch.int32)
    tokens, documents = int(lengths.sum()), len(lengths)
    rows = draw(st.sampled_from([(1,), (4, 1)]))
    shown = [draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else [] for number in images]
    refs = [sum(images[:pack]) + image for pack, some in enumerate(shown) for image in some]
    counts = [
        [sum(pack), len(pack), number, len(some)]
        for pack, number, some in zip(packs, images, shown, strict=True)
    ]
    patches = int(grid.prod(1).sum())
    windows = [draw(st.integers(1, 3)) for _ in grid]
    pieces = torch.tensor(
        [[int(one.prod()), number + 1, number] for one, number in zip(grid, windows, strict=True)]
    )
    pieces = pieces.reshape(-1, 3).to(torch.int64)
    batch = {
        "packs": torch.tensor(counts),
        "input_ids": torch.arange(tokens)[None],
        "labels": -torch.arange(tokens)[None],
        "position_ids": torch.arange(tokens).expand(*rows, tokens),
        "cu_seqlens": edges,
        "trace_ids": torch.arange(documents),
        "supervised_tokens": lengths - 1,
        "max_length": max(lengths.tolist()),
        "image_grid_thw": grid,
        "image_patches": -torch.arange(patches * 3).reshape(patches, 3),
        "pixel_values": torch.arange(patches * 2).reshape(patches, 2),
        "image_refs": torch.tensor(refs, dtype=torch.int64),
        "image_sizes": tuple(tuple(one) for one in grid.tolist()),
        "image_tokens": tuple(range(len(packs))),
        "runs": torch.arange(len(packs)),
        "image_counts": pieces,
        "image_positions": torch.arange(patches * 2).reshape(patches, 2),
        "image_window_order": torch.arange(sum(windows) + len(windows)),
        "image_window_lengths": torch.arange(sum(windows)),
        "image_corner_indices": torch.arange(patches * 4).reshape(patches, 4),
        "image_corner_weights": -torch.arange(patches * 4).reshape(patches, 4),
    }
    batch |= dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), edges)
    return batch | dict.fromkeys(("max_length_q", "max_length_k"), batch["max_length"])


def joined(parts):
    """Microbatches put together again, axis by axis."""
    whole = {}
    for name in parts[0]:
        values, axis = [part[name] for part in parts], CONTRACT[name]
        if axis is Axis.LONGEST:
            whole[name] = max(values)
        elif axis is Axis.EDGES:
            lengths = torch.cat([torch.diff(edges) for edges in values])
            whole[name] = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]).to(lengths.dtype)
        elif axis is Axis.PLACEHOLDERS:
            before = torch.tensor([0, *(len(part["image_grid_thw"]) for part in parts)]).cumsum(0)
            whole[name] = torch.cat([refs + int(first) for refs, first in zip(values, before, strict=False)])
        elif isinstance(values[0], tuple):
            whole[name] = sum(values, start=())
        else:
            whole[name] = torch.cat(values, dim=-1 if axis is Axis.TOKENS else 0)
    return whole


@settings(deadline=None)
@given(batches(), st.integers(1, 6))
def test_microbatches_put_together_are_the_batch_on_every_axis(batch, at_once):
    assert batch.keys() == CONTRACT.keys(), "a key of the contract that this test does not know"
    parts = split_batch(batch, at_once)
    assert sum(map(number_of_packs, parts)) == number_of_packs(batch)
    for part in parts:
        assert list(part) == list(batch)
        assert part["max_length"] == int(torch.diff(part["cu_seqlens"]).max())
        patches = int(part["image_grid_thw"].prod(1).sum())
        assert patches == len(part["pixel_values"]) == len(part["image_patches"])
        counts = {"image_positions": 0, "image_window_order": 1, "image_window_lengths": 2}
        for name, column in counts.items():
            assert len(part[name]) == int(part["image_counts"][:, column].sum()), name
        assert all(0 <= image < len(part["image_grid_thw"]) for image in part["image_refs"])
        assert part["input_ids"].shape[1] == int(part["packs"][:, 0].sum()) == int(part["cu_seqlens"][-1])
    for name, value in joined(parts).items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(batch[name])), name


def test_lengths_for_transformers_are_split_too():
    batch = tiny.batch_of(packs_of([3, 1, 2]), 4)
    batch |= {"cu_seq_lens_q": batch["cu_seqlens"], "max_length_q": batch["max_length"]}
    for part in split_batch(batch, 1):
        assert torch.equal(part["cu_seq_lens_q"], part["cu_seqlens"])
        assert part["max_length_q"] == part["max_length"]


@pytest.mark.parametrize("at_once", [1, 99])
def test_a_key_that_the_contract_does_not_know_is_refused_by_name(at_once):
    batch = tiny.batch_of(packs_of([2, 1]), 4) | {"reward": torch.zeros(3), "hint": torch.zeros(3)}
    with pytest.raises(DataError, match="the batch contract does not know `reward`, `hint`"):
        split_batch(batch, at_once)


def test_images_that_no_pack_counts_are_refused_by_name():
    batch = tiny.batch_of(packs_of([2, 1]), 4) | {"pixel_values": torch.zeros(8, 2)}
    with pytest.raises(DataError, match="`pixel_values` of the batch cannot be split: nothing counts"):
        split_batch(batch, 1)
    batch["packs"] = torch.cat([batch["packs"], torch.ones(2, 1, dtype=torch.int64)], dim=1)
    with pytest.raises(DataError, match="`pixel_values` of the batch cannot be split"):
        split_batch(batch, 1)


@pytest.mark.parametrize("name", [name for name in REQUIRED if name != "packs"])
def test_a_value_that_is_not_as_long_as_its_packs_is_refused_by_name(name):
    batch = tiny.batch_of(packs_of([2, 1]), 4)
    with pytest.raises(DataError, match=f"`{name}` of the batch has"):
        split_batch(batch | {name: batch[name][..., :-1]}, 1)
    with pytest.raises(DataError, match=f"the batch has no `{name}`"):
        split_batch({key: value for key, value in batch.items() if key != name}, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pixel_values", "the batch has `pixel_values`, and the model was made for text alone"),
        ("reward", "does not know `reward`"),
    ],
)
def test_a_model_that_would_leave_a_value_out_refuses_it(name, words):
    network = tiny.fresh_model("qwen2").network
    with pytest.raises(DataError, match=words):
        network(tiny.batch_of(packs_of([2]), 1) | {name: torch.zeros(4, 2)})


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


def test_images_and_patches_are_counted_over_all_ranks(monkeypatch):
    monkeypatch.setattr(monitors.dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(monitors.dist, "all_reduce", lambda both, **_: both.mul_(2))
    images = {"image_grid_thw": torch.tensor([[1, 4, 4], [1, 2, 2]]), "image_patches": torch.zeros(20, 3)}
    state = SimpleNamespace(
        batch={"packs": torch.tensor([[60, 3], [90, 2]])} | images,
        device=SimpleNamespace(tensor_to_device=lambda one: one),
    )
    found = {}
    monitors.DataMonitor(capacity=100).batch_end(state, SimpleNamespace(log_metrics=found.update))
    assert (found["data/images"], found["data/patches"]) == (4, 40)
    assert found["data/padding_share"] == 0.25
