"""Packs of a step on other ranks: the same packs a step, and less waiting."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.errors import RecipeError
from octomed.stream import PackedDataset
from octomed.stream.balance import balanced, wait_of
from octomed.stream.costs import Costs
from octomed.stream.pack_table import pack_tables

from .ranks import in_ranks
from .reading import epoch, global_batches, loader, packs_of

BATCH = 16


def partition(packs, machines, ranks, workers, size, begin=0):  # noqa: PLR0913, PLR0917
    from streaming.base.partition import get_partitions

    canonical = max(number for number in (1, 2, 4, 8) if number <= packs and number % machines == 0)
    return get_partitions("relaxed", packs, canonical, machines, ranks, workers, size, begin)


def steps_of(order):
    """[steps, machines, ranks, packs]."""
    machines, ranks, _, _, size = order.shape
    return order.transpose(3, 2, 0, 1, 4).reshape(-1, machines, ranks, size)


@pytest.mark.filterwarnings("ignore:Trying to partition", "ignore:Attempting to partition")
@given(
    packs=st.integers(8, 300),
    machines=st.sampled_from([1, 2, 4]),
    ranks=st.sampled_from([1, 2, 3, 4]),
    workers=st.integers(1, 3),
    size=st.integers(1, 5),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_a_step_keeps_its_packs_and_a_machine_its_own(packs, machines, ranks, workers, size, seed):  # noqa: PLR0913, PLR0917
    order = partition(packs, machines, ranks, workers, size)
    costs = np.random.default_rng(seed).integers(1, 9, packs).astype(float)
    shared = balanced(order, costs)
    for before, after in zip(steps_of(order), steps_of(shared), strict=True):
        for machine in range(machines):
            assert sorted(after[machine].ravel()) == sorted(before[machine].ravel())
        assert ((after >= 0) == (before >= 0)).all()
        spent = np.where(after >= 0, costs[after], 0.0)
        places = spent.reshape(machines * ranks, size)
        if (after >= 0).all():
            assert (np.diff(places, axis=1) <= 0).all()  # a place's packs cost alike: each rank's fall
            assert np.ptp(spent.sum(axis=2), axis=1).max() <= costs.max()


@given(seed=st.integers(0, 999), workers=st.integers(1, 4), begin=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_it_depends_on_the_packs_of_a_step_alone(seed, workers, begin):
    """Not on how they came, on loader workers, or on where the epoch was resumed."""
    draw = np.random.default_rng(seed)
    costs = draw.integers(1, 4, 96).astype(float)
    whole = steps_of(balanced(partition(96, 1, 2, 1, 4), costs))
    rest = steps_of(balanced(partition(96, 1, 2, workers, 4, begin * 8), costs))
    assert (rest[: len(whole) - begin] == whole[begin:]).all()
    order = partition(96, 1, 2, 1, 4)
    mixed = np.array([draw.permutation(step.ravel()) for step in steps_of(order)]).reshape(-1, 1, 2, 4)
    mixed = mixed.transpose(1, 2, 0, 3)[:, :, None]
    assert (steps_of(balanced(mixed, costs)) == whole).all()


def test_ranks_wait_less():
    draw = np.random.default_rng(3)
    costs = draw.lognormal(0, 0.3, 4096)
    order = draw.permutation(4096).reshape(1, 8, 1, 64, 8)
    before, after = wait_of(order, costs), wait_of(balanced(order, costs), costs)
    assert before.step > 0.1
    assert after.step < 0.02
    assert before.microbatch > 0.3
    assert after.microbatch < 0.12


def slow_wait(order, costs):
    """Step by step: what the others wait for the slowest, over all ranks' time."""
    spent = idle = 0.0
    for step in steps_of(order):
        sums = [sum(costs[pack] for pack in rank if pack >= 0) for rank in step.reshape(-1, step.shape[-1])]
        spent += sum(sums)
        idle += sum(max(sums) - one for one in sums)
    return idle / (spent + idle)


def test_the_wait_is_that_of_a_simulation():
    order = partition(203, 2, 3, 2, 4)
    costs = np.random.default_rng(1).lognormal(0, 0.4, 203)
    assert wait_of(order, costs).step == pytest.approx(slow_wait(order, costs))
    shared = balanced(order, costs)
    assert wait_of(shared, costs).step == pytest.approx(slow_wait(shared, costs))


@pytest.fixture(scope="module")
def reference(packed, tmp_path_factory):
    """Steps of two epochs as they come."""
    options = {"cache": tmp_path_factory.mktemp("cache"), "balance": "off"}
    return global_batches(in_ranks(1, epoch, packed, BATCH, 0, options, 2))


@pytest.mark.parametrize(("ranks", "workers"), [(1, 0), (1, 2), (2, 0), (2, 2), (4, 0), (4, 2), (8, 0)])
def test_a_run_is_read_in_the_same_steps(packed, reference, ranks, workers):
    found = in_ranks(ranks, epoch, packed, BATCH, workers, {"num_canonical_nodes": 24}, 1)
    off = {"num_canonical_nodes": 24, "balance": "off"}
    plain = in_ranks(ranks, epoch, packed, BATCH, 0, off, 1)
    assert global_batches(found) == global_batches(plain)
    assert (found != plain) == (ranks > 1)
    default = in_ranks(ranks, epoch, packed, BATCH, workers, {}, 1) if ranks in {2, 4} else None
    assert default is None or global_batches(default) == reference[: len(reference) // 2]


def _until(path, stop):
    batches = loader(path, BATCH, 2)
    return [packs_of(one) for _, one in zip(range(stop), batches, strict=False)], batches.state_dict()


def _onward(path, state):
    batches = loader(path, BATCH, 0)
    batches.load_state_dict(state)
    return [packs_of(one) for one in batches]


def test_a_balanced_epoch_is_resumed_rank_by_rank(packed):
    stop = 7
    whole = in_ranks(2, epoch, packed, BATCH, 0, {})
    first = in_ranks(2, _until, packed, stop)
    rest = in_ranks(2, _onward, packed, first[0][1])
    assert [begun + onward for (begun, _), onward in zip(first, rest, strict=True)] == whole


def _told(path, options):
    PackedDataset(path, global_batch_size=BATCH, **options)


def test_what_is_won_is_told(packed, capfd):
    in_ranks(2, _told, packed, {})
    said = capfd.readouterr().err
    assert said.count("balance: by what packs cost, ranks wait ") == 1
    in_ranks(2, _told, packed, {"balance": "off"})
    _told(packed, {})
    assert "balance" not in capfd.readouterr().err


def test_a_run_without_its_tables_is_read_as_it_comes(copied, capfd):
    for table in (copied / "provenance").glob("*.parquet"):
        table.unlink()
    assert in_ranks(2, epoch, copied, BATCH, 0, {}) == in_ranks(
        2, epoch, copied, BATCH, 0, {"balance": "off"}
    )
    in_ranks(2, _told, copied, {})
    said = capfd.readouterr().err
    assert "note: the packs of a step are not balanced: `" in said
    assert "is missing" in said


def test_images_whose_patches_nobody_says_are_told(copied, capfd):
    """By the provenance of an earlier version: packs are balanced by the rest."""
    for path in (copied / "provenance").glob("*.parquet"):
        table = pq.read_table(path)
        images = pa.array([[7]] * len(table), pa.list_(pa.uint64()))
        for name in {"images", "image_patches"} & set(table.column_names):
            table = table.drop_columns([name])
        pq.write_table(table.append_column("images", images), path)
    in_ranks(2, _told, copied, {})
    said = capfd.readouterr().err
    why = f"the provenance of `{copied}` does not say their patches"
    assert said.count(f"note: packs are balanced without their images: {why}") == 1
    assert said.count("balance: by what packs cost, ranks wait ") == 1
    in_ranks(2, _told, copied, {"costs": Costs(1.0, 1.0, 0.0, 0.0)})  # of a model without a tower
    assert "note" not in capfd.readouterr().err


def test_an_unknown_way_is_refused(packed):
    with pytest.raises(RecipeError, match="unknown `balance`: `always`"):
        PackedDataset(packed, batch_size=1, balance="always")


def test_costs_are_those_of_the_shards(packed, run, tmp_path):
    """Tables know without a shard what the packs hold; the cache gives the same back, or is made again."""
    costs = Costs(token=3.0, square=0.25, patch=7.0, patch_square=2.0)
    tables = pack_tables(run, tmp_path)
    for name, table in tables.items():
        with PackedDataset(packed, batch_size=1, streams=[name], quiet=True) as dataset:
            lengths = [dataset[number]["lengths"].astype(float) for number in range(dataset.size)]
        assert table.traces.tolist() == [len(one) for one in lengths]
        slow = [3.0 * one.sum() + 0.25 * (one**2).sum() for one in lengths]
        assert table.costs(costs).tolist() == pytest.approx(slow)
    kept = tmp_path / "packs-1.npz"
    for damage in (None, b"", kept.read_bytes()[:-30], b"\0" * 400):
        if damage is not None:
            kept.write_bytes(damage)
        again = pack_tables(run, tmp_path)
        assert all((again[name].squares == table.squares).all() for name, table in tables.items())
    assert all((pack_tables(run)[name].tokens == table.tokens).all() for name, table in tables.items())
