"""Which pack comes in which batch: the same for all ranks and workers, none missing, resumed where it was."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.errors import RecipeError
from octomed.stream import PackedDataset
from octomed.stream.batching import canonical_nodes_for, check_left_out, check_world
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
    assert 0 < counts.repeats <= packs / 100
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
    ("packs", "canonical_nodes"),
    [(1000, 24), (2000, 24), (24, 24), (802, 12), (100, 4), (23, 1), (20, 4), (17, 1), (1, 1), ([96, 20], 4),
     ([900, 1], 1), ([2300, 2299], 24)],
)  # fmt: skip
def test_canonical_nodes_repeat_a_hundredth_at_most(packs, canonical_nodes):
    assert canonical_nodes_for(packs) == canonical_nodes


def _steps(packs, canonical_nodes, nodes, ranks_per_node, workers, batch):  # noqa: PLR0913, PLR0917
    """Packs of each step, sorted, by Streaming's own partition."""
    from streaming.base.partition import get_partitions

    ids = get_partitions("relaxed", packs, canonical_nodes, nodes, ranks_per_node, workers, batch)
    steps = ids.transpose(3, 2, 0, 1, 4).reshape(-1, nodes * ranks_per_node * batch)
    return [sorted(step[step >= 0].tolist()) for step in steps if step.max() >= 0]


@pytest.mark.filterwarnings("ignore:Trying to partition", "ignore:Attempting to partition")
@given(
    packs=st.integers(1, 2500),
    nodes=st.sampled_from([1, 2, 3, 4]),
    ranks_per_node=st.sampled_from([1, 2, 3, 4, 8]),
    workers=st.integers(1, 3),
    batch=st.integers(1, 6),
)
@settings(max_examples=150, deadline=None)
def test_what_an_epoch_repeats_by_streamings_partition(packs, nodes, ranks_per_node, workers, batch):
    ranks = nodes * ranks_per_node
    canonical_nodes = canonical_nodes_for(packs, nodes)
    if packs < 3 * nodes:
        try:
            check_world(canonical_nodes, packs, World(nodes, ranks_per_node))
        except RecipeError:
            return
    steps = _steps(packs, canonical_nodes, nodes, ranks_per_node, workers, batch)
    given_out = [pack for step in steps for pack in step]
    assert set(given_out) == set(range(packs))
    assert len(given_out) == slots_of(packs, canonical_nodes, World(nodes, ranks_per_node))
    if canonical_nodes % ranks == 0:
        assert len(given_out) - packs <= packs / 100
        assert steps == _steps(packs, canonical_nodes, 1, 1, 1, batch * ranks)
    for more in (number for number in (2, 3, 4, 6, 8, 12, 24) if canonical_nodes < number <= packs):
        assert -packs % more > packs / 100 or (more % nodes and nodes % more)


def test_a_way_out_is_one():
    """Of what a message says to do instead, nothing is refused in its turn."""
    told = set()
    for nodes, ranks_per_node, packs in itertools.product((1, 2, 3, 5, 8), (1, 8), (1, 2, 3, 7, 10, 21, 90)):
        world = World(nodes, ranks_per_node)
        for asked in range(1, 27):
            try:
                check_world(asked, packs, world)
            except RecipeError as error:
                hint = str(error.hint)
                told.add(re.sub(r"\d+", "n", hint))
                if hint == "train on one machine":
                    check_world(canonical_nodes_for(packs), packs, World(1, ranks_per_node))
                    continue
                default = canonical_nodes_for(packs, nodes)
                check_world(default if "default" in hint else int(hint.rsplit(maxsplit=1)[-1]), packs, world)
    assert told == {
        "leave `num_canonical_nodes` out: its default fits",
        "set it to n",
        "train on one machine",
    }


def test_few_packs_are_not_repeated(packed):
    """Of 17 packs 7 were repeated."""
    counts = [
        PackedDataset(packed, batch_size=1, streams=streams, quiet=True).counts
        for streams in (["len-00240"], ["len-00330"], ["len-00512"], ["len-00240", "len-00512"])
    ]
    assert all(count.repeats <= count.packs / 100 for count in counts)


def test_a_checkpoint_keeps_its_canonical_nodes(packed):
    """The default may be another one than when training began."""
    began = loader(packed, BATCH, 0, num_canonical_nodes=8)
    batches = [packs_of(one) for _, one in zip(range(7), began, strict=False)]
    state = began.state_dict()
    rest = loader(packed, BATCH, 0)
    assert rest.dataset.num_canonical_nodes == 12
    rest.load_state_dict(state)
    assert rest.dataset.counts == began.dataset.counts
    assert len(rest) == len(began)
    whole = epoch(packed, BATCH, 0, {"num_canonical_nodes": 8}, 2)
    assert batches + [packs_of(one) for _ in range(2) for one in rest] == whole


def test_a_checkpoint_of_other_canonical_nodes_than_are_asked_for_is_refused(packed):
    state = loader(packed, BATCH, 0, num_canonical_nodes=8).state_dict()
    other = loader(packed, BATCH, 0, num_canonical_nodes=12)
    with pytest.raises(
        RecipeError, match="the checkpoint's order has 8 canonical nodes, and not 12"
    ) as caught:
        other.load_state_dict(state)
    assert caught.value.hint == "set `num_canonical_nodes` to 8"


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
    repeats = PackedDataset(packed, batch_size=2).counts.repeats
    packs = sum(stream["packs"] for stream in run.streams.values())
    said = capfd.readouterr().err
    assert f"{len(run.streams)} streams, {packs:,} packs, {repeats} repeated per epoch\n" in said


def test_many_repeats_are_told_with_their_share():
    assert str(EpochCounts(100, 101, 1, 0)) == "100 packs, 1 repeated per epoch"
    assert str(EpochCounts(17, 24, 7, 0)) == "17 packs, 7 repeated per epoch (41.2%)"
