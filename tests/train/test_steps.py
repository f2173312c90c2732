"""Packs a step from traces a step, and how much steps differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octomed.stream import open_run
from octomed.train.steps import spread, step_size, traces_of_packs


def test_traces_of_packs_are_those_of_the_run(packed):
    run = open_run(packed)
    for streams in (["len-00256"], ["len-00512"], ["len-00256", "len-00512"]):
        counts = traces_of_packs(run, streams)
        assert len(counts) == sum(run.streams[name]["packs"] for name in streams)
        assert sum(counts) == sum(run.streams[name]["traces"] for name in streams)
        assert min(counts) >= 1


@given(
    traces=st.lists(st.integers(1, 60), min_size=1, max_size=200),
    samples=st.integers(1, 600),
    ranks=st.integers(1, 8),
)
def test_the_mean_is_as_near_to_the_samples_as_ranks_allow(traces, samples, ranks):
    size = step_size(traces, samples, ranks, draws=20)
    mean = sum(traces) / len(traces)
    assert size.packs % ranks == 0
    assert size.mean == pytest.approx(size.packs * mean)
    assert abs(size.mean - samples) <= ranks * mean / 2 + 1e-6 or size.packs == ranks
    assert size.low <= size.high


def test_percentiles_are_those_of_the_sums():
    """Packs of 1 or 3 traces, half each: a sum of 100 has mean 200 and deviation about 10."""
    size = spread([1, 3] * 5000, 100)
    assert size.packs == 100
    assert size.mean == 200
    assert pytest.approx(size.low, abs=2.5) == 200 - 1.645 * 10
    assert pytest.approx(size.high, abs=2.5) == 200 + 1.645 * 10


def test_equal_packs_make_equal_steps():
    size = spread([4] * 10, 3)
    assert (size.low, size.mean, size.high) == (12, 12, 12)
    assert str(size) == "3 packs per step: 12.0 traces on average, 12 to 12 in nine steps of ten"
