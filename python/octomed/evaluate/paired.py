"""Paired tests of two evaluations of the same questions, and the correction for several of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EXACT = 16
"""Questions that differ up to which all ways of giving their differences signs are gone through: 65,536."""
_DRAWS = 20_000
_RESAMPLES = 10_000
_SEED = 17
_BLOCK = 2**22


def mcnemar(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    Parameters
    ----------
    first, second
        Of each question 1 where it is right, else 0.

    Examples
    --------
    >>> mcnemar(np.array([1.0] * 6), np.array([0.0] * 6))
    0.03125
    """
    ahead, behind = int((first > second).sum()), int((first < second).sum())
    number = ahead + behind
    if number == 0:
        return 1.0
    tail = sum(math.comb(number, one) for one in range(min(ahead, behind) + 1))
    return min(1.0, float(2 * tail / 2**number))


def sign_flips(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of the mean of paired differences, under which signs are chance.

    Exact where at most 16 of them are not zero, else of 20,000 draws with a fixed seed.

    Parameters
    ----------
    differences
        Of each question.

    Examples
    --------
    >>> sign_flips(np.array([0.2, 0.4, 0.6, 0.2, 0.4, 0.2]))
    0.03125
    """
    kept = np.abs(differences[differences != 0])
    if not len(kept):
        return 1.0
    reached = abs(float(differences.sum())) - 1e-9 * max(1.0, float(kept.sum()))
    if len(kept) <= _EXACT:
        numbers = np.arange(2 ** len(kept))[:, None] >> np.arange(len(kept)) & 1
        return float((np.abs((2 * numbers - 1) @ kept) >= reached).mean())
    draw = np.random.default_rng(_SEED)
    as_far = 0
    for begin in range(0, _DRAWS, step := max(1, _BLOCK // len(kept))):
        shape = (min(step, _DRAWS - begin), len(kept))
        signs = draw.integers(0, 2, size=shape, dtype=np.int8)
        as_far += int((np.abs((2.0 * signs - 1.0) @ kept) >= reached).sum())
    return (as_far + 1) / (_DRAWS + 1)


def interval_of(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the mean's interval of 95 %: of 10,000 draws of questions, with a fixed seed.

    Parameters
    ----------
    differences
        Of each question.

    Examples
    --------
    >>> interval_of(np.array([0.5, 0.5]))
    (0.5, 0.5)
    """
    number = len(differences)
    draw = np.random.default_rng(_SEED)
    means = np.empty(_RESAMPLES)
    for begin in range(0, _RESAMPLES, step := max(1, _BLOCK // number)):
        end = min(begin + step, _RESAMPLES)
        drawn = draw.integers(0, number, size=(end - begin, number))
        means[begin:end] = differences[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's method for their number.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    least = 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        found[place] = least
    return found
