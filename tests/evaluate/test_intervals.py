"""Intervals cover as often as they say; tests give the values that counting all ways gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from octomed.evaluate.intervals import Mean, deviation_over_seeds, mean_of, mean_of_means
from octomed.evaluate.paired import holm, interval_of, mcnemar, sign_flips


@pytest.mark.parametrize(("questions", "spread"), [(30, 0.0), (30, 0.3), (200, 0.3), (200, 0.49)])
def test_intervals_over_questions_and_seeds_cover(questions: int, spread: float) -> None:
    draw = np.random.default_rng(7)
    held = 0
    for _ in range(600):
        chances = draw.uniform(0.5 - spread, 0.5 + spread, size=questions)
        found = mean_of((draw.random((questions, 5)) < chances[:, None]).astype(float))
        held += found.low <= 0.5 <= found.high
    assert 0.92 <= held / 600 <= 0.985


def test_seeds_alone_do_not_make_an_interval_narrow() -> None:
    same = np.repeat((np.arange(40) % 2 == 0).astype(float)[:, None], 5, axis=1)
    single = mean_of(same[:, :1])
    assert mean_of(same) == single


def test_edges_are_honest() -> None:
    assert mean_of(np.zeros((10, 5))) == Mean(0.0, 0.0, pytest.approx(0.2775, abs=1e-3))
    assert mean_of(np.ones((1, 1))).low == pytest.approx(0.2065, abs=1e-3)
    assert mean_of(np.array([[0.3, 0.5]])).value == 0.4


def test_wilson_of_one_seed_is_the_textbooks() -> None:
    scores = np.array([1.0] * 81 + [0.0] * 182)[:, None]
    found = mean_of(scores)
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=6e-4), pytest.approx(0.3662, abs=6e-4))


def test_a_mean_of_means_is_as_wide_as_independence_says() -> None:
    means = [Mean(0.5, 0.4, 0.6)] * 4
    found = mean_of_means(means)
    assert (found.value, found.low) == (0.5, pytest.approx(0.45))


def test_deviation_over_seeds() -> None:
    assert deviation_over_seeds(np.ones((3, 1))) is None
    assert deviation_over_seeds(np.array([[0.0, 1.0], [0.0, 1.0]])) == pytest.approx(math.sqrt(0.5))


def test_sign_flips_equal_all_ways() -> None:
    draw = np.random.default_rng(3)
    for size in range(1, 9):
        differences = draw.integers(-5, 6, size=size) / 5
        signs = list(itertools.product((1, -1), repeat=size))
        sums = [
            abs(sum(sign * abs(one) for sign, one in zip(way, differences, strict=True))) for way in signs
        ]
        wanted = sum(one >= abs(differences.sum()) - 1e-9 for one in sums) / len(sums)
        assert sign_flips(differences) == pytest.approx(wanted)


def test_many_sign_flips_agree_with_the_normal_law() -> None:
    draw = np.random.default_rng(4)
    differences = draw.normal(0.1, 1.0, size=600)
    z = differences.sum() / math.sqrt((differences**2).sum())
    assert sign_flips(differences) == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), abs=0.02)


def test_mcnemar_is_the_sign_test() -> None:
    first, second = np.array([1.0] * 9 + [0.0] * 2 + [1.0] * 50), np.array([0.0] * 9 + [1.0] * 2 + [1.0] * 50)
    wanted = 2 * sum(math.comb(11, one) for one in range(3)) / 2**11
    assert mcnemar(first, second) == pytest.approx(wanted)
    assert mcnemar(second, first) == pytest.approx(wanted)
    assert mcnemar(first, first) == 1.0
    assert sign_flips(first - second) == pytest.approx(wanted)


def test_chance_differences_are_found_as_often_as_they_may() -> None:
    draw = np.random.default_rng(11)
    values = [sign_flips(draw.integers(-2, 3, size=14) / 5) for _ in range(400)]
    assert np.mean(np.array(values) <= 0.05) <= 0.075


def test_the_interval_of_a_difference_is_as_wide_as_its_deviation_says() -> None:
    differences = np.random.default_rng(2).normal(0.2, 1.0, size=400)
    low, high = interval_of(differences)
    wanted = 1.96 * differences.std() / 20
    assert (high - low) / 2 == pytest.approx(wanted, rel=0.05)
    assert low < differences.mean() < high


def test_holm_is_in_step() -> None:
    assert holm([0.001, 0.02, 0.04, 0.9]) == pytest.approx([0.004, 0.06, 0.08, 0.9])
    assert holm([]) == []
