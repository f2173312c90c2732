"""Which pack comes in which batch: the same for all ranks and workers, none missing, resumed where it was."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
from octomed.errors import RecipeError
from octomed.stream import PackedDataset
from octomed.stream.batching import canonical_nodes_for, check_left_out
from octomed.stream.counts import EpochCounts, World, slots_of

from .ranks import in_ranks
from .reading import all_packs, epoch, global_batches, loader, packs_of

BATCH = 8


@pytest.fixture(scope="module")
def reference(packed, tmp_path_factory) -> list[list[int]]:
    """Global batches of the first two epochs, read by one process without workers."""
    options = {"cache": tmp_path_factory.mktemp("cache")}
    return global_batches(in_ranks(1, epoch, packed, BATCH, 0, options, 2))


def test_the_run_is_worth_reading(run):
    sizes = [stream["packs"] for stream in run.streams.values()]
    assert len(sizes) >= 3
    assert len(set(sizes)) == len(sizes)
    assert sum(sizes) % 24
    assert sum(stream["shards"] for stream in run.streams.values()) > 2 * len(sizes)


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_global_batches_are_the_same_for_all_ranks_and_workers(packed, reference, ranks, workers):
    epochs = 2 if workers < 4 else 1
    found = global_batches(in_ranks(ranks, epoch, packed, BATCH, workers, {}, epochs))
    assert found == reference[: len(found)]
    assert len(found) == epochs * len(reference) / 2


def test_no_pack_is_missing_and_repeats_are_those_counted(packed, run, reference):
    epochs = [reference[: len(reference) // 2], reference[len(reference) // 2 :]]
    packs = sum(stream["packs"] for stream in run.streams.values())
    counts = PackedDataset(packed, batch_size=1, quiet=True).counts
    for batches in epochs:
        seen = Counter(pack for batch in batches for pack in batch)
        assert seen.keys() == all_packs(packed).keys()
        assert (len(seen), seen.total(), seen.total() - len(seen)) == (packs, counts.slots, counts.repeats)
    assert counts.packs == packs
    assert counts.slots == -(-packs // 24) * 24
    assert len(PackedDataset(packed, batch_size=1, quiet=True)) == counts.slots
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(("packs", "canonical_nodes", "nodes", "ranks_per_node"), [
    (1003, 24, 1, 8), (1003, 64, 1, 3), (24, 24, 2, 4), (25, 24, 3, 8), (517, 8, 16, 8), (61, 24, 2, 8),
    (1003, 24, 4, 8), (999, 4, 8, 2), (5, 4, 1, 4),
])  # fmt: skip
def test_the_rule_of_repeats_is_that_of_streaming(packs, canonical_nodes, nodes, ranks_per_node):
    from streaming.base.partition import get_partitions

    ids = get_partitions("relaxed", packs, canonical_nodes, nodes, ranks_per_node, 2, 3)
    given = ids[ids >= 0]
    assert slots_of(packs, canonical_nodes, World(nodes, ranks_per_node)) == given.size
    assert set(given.tolist()) == set(range(packs))


@pytest.mark.parametrize(
    ("packs", "canonical_nodes"), [(1000, 24), (24, 24), (23, 12), (12, 12), (11, 8), (1, 1)]
)
def test_as_many_canonical_nodes_as_the_packs_fill(packs, canonical_nodes):
    assert canonical_nodes_for(packs) == canonical_nodes


def _until(path: Any, batch: int, workers: int, stop: int) -> tuple[list[list[int]], dict[str, Any] | None]:
    batches = loader(path, batch, workers)
    seen = []
    for number, one in enumerate(batches, 1):
        seen.append(packs_of(one))
        if number == stop:
            return seen, batches.state_dict()
    return seen, None


def _onward(path: Any, batch: int, workers: int, state: dict[str, Any], epochs: int) -> list[list[int]]:
    batches = loader(path, batch, workers)
    batches.load_state_dict(state)
    return [packs_of(one) for _ in range(epochs) for one in batches]


@pytest.mark.parametrize(
    ("before", "after", "workers"), [(1, 1, 0), (2, 2, 2), (2, 1, 1), (1, 4, 0), (4, 2, 2)]
)
def test_resume_repeats_and_skips_nothing(packed, reference, before, after, workers):
    stop = 5
    first = in_ranks(before, _until, packed, BATCH, workers, stop)
    assert global_batches([seen for seen, _ in first]) == reference[:stop]
    rest = in_ranks(after, _onward, packed, BATCH, workers, first[0][1], 2)
    assert global_batches(rest) == reference[stop:]


def test_per_stream_batches_hold_one_stream_and_what_is_left_out_is_counted(packed, monkeypatch, capfd):
    streams = all_packs(packed)
    options = {"batching_method": "per_stream"}
    # How many packs there are, and so how many batches leave out, is the packer's affair.
    monkeypatch.setattr("octomed.stream.batching.MOST_LEFT_OUT", 0.05)
    runs = {
        (ranks, workers): global_batches(in_ranks(ranks, epoch, packed, 10, workers, options))
        for ranks, workers in [(1, 0), (2, 1)]
    }
    for batches in runs.values():
        assert all(len({streams[pack] for pack in batch}) == 1 for batch in batches)
        seen = Counter(pack for batch in batches for pack in batch)
        capfd.readouterr()
        counts = PackedDataset(packed, batch_size=10, **options).counts
        assert counts.left_out == len(streams) - len(seen) > 0
        assert (
            f", {counts.left_out} left out ({counts.left_out / len(streams):.2%})\n" in capfd.readouterr().err
        )
        assert counts.repeats == seen.total() - len(seen)


def test_per_stream_refuses_to_leave_out_more_than_half_a_percent(packed, run):
    with pytest.raises(
        RecipeError, match=r"`per_stream` batching leaves .* packs \(\d+\.\d%\) out of an epoch"
    ):
        PackedDataset(packed, batch_size=7, batching_method="per_stream")
    smallest = min(run.streams, key=lambda name: run.streams[name]["packs"])
    with pytest.raises(RecipeError, match=rf"stream `{smallest}` has \d+ packs, and .* batches of 10000"):
        PackedDataset(packed, batch_size=10_000, batching_method="per_stream")


@pytest.mark.parametrize(("left_out", "refused"), [(0, False), (5, False), (6, True)])
def test_half_a_percent_is_the_most_that_may_be_left_out(left_out, refused):
    counts = EpochCounts(packs=1000, slots=2000, repeats=1000 + left_out, left_out=left_out)
    with pytest.raises(RecipeError, match=r"6 of 1,000 packs \(0\.6%\)") if refused else nullcontext():
        check_left_out(counts, "per_stream")


def test_stratified_is_refused_for_unequal_streams(packed, run):
    with pytest.raises(RecipeError, match="`stratified` leaves a third of unequal streams out"):
        PackedDataset(packed, batch_size=2, batching_method="stratified")
    PackedDataset(
        packed, batch_size=1, batching_method="stratified", streams=list(run.streams)[:1], quiet=True
    )


def test_the_line_about_an_epoch(packed, run, capfd):
    PackedDataset(packed, batch_size=2)
    packs = sum(stream["packs"] for stream in run.streams.values())
    said = capfd.readouterr().err
    assert f"{len(run.streams)} streams, {packs:,} packs, {-packs % 24} repeated per epoch\n" in said
