"""Means with their intervals, over questions and seeds.

Seeds of a question are not independent of each other, so a question is what is drawn: the variance of a mean
is that of the questions' own means. What other seeds would change is in it, because each question's mean
varies by its seeds as well. The interval is Wilson's at the number of independent questions that would give
this variance: it stays inside 0 to 1, and is honest where all answers are right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_Z = 1.959963984540054
"""Of 95 %."""


@dataclass(frozen=True)
class Mean:
    """A mean of scores.

    Attributes
    ----------
    value
        From 0 to 1.
    low, high
        Ends of its interval of 95 %.
    """

    value: float
    low: float
    high: float


def mean_of(scores: NDArray[np.float64]) -> Mean:
    """Return the mean of questions' scores.

    Parameters
    ----------
    scores
        ``[questions, seeds]``, each from 0 to 1; NaN for a seed that a question was not asked with.

    Examples
    --------
    >>> mean = mean_of(np.ones((20, 5)))
    >>> mean.value, round(mean.low, 3), mean.high
    (1.0, 0.839, 1.0)
    """
    of_questions = np.nanmean(scores, axis=1)
    number = len(of_questions)
    value = float(of_questions.mean())
    variance = float(of_questions.var(ddof=1)) / number if number > 1 else 0.0
    # Equal scores of all questions say nothing of their variance: then each counts as one.
    effective = value * (1.0 - value) / variance if variance > 0.0 else float(number)
    # A few questions say little of their variance: no more is believed than each answer counting as one.
    effective = min(effective, number * float(np.isfinite(scores).sum(axis=1).mean()))
    low, high = _wilson(value, max(effective, 1.0))
    return Mean(value, low, high)


def _wilson(value: float, number: float) -> tuple[float, float]:
    middle = (value + _Z**2 / (2 * number)) / (1 + _Z**2 / number)
    inside = value * (1 - value) / number + _Z**2 / (4 * number**2)
    half = _Z / (1 + _Z**2 / number) * math.sqrt(max(inside, 0.0))
    low = 0.0 if value == 0.0 else max(0.0, middle - half)
    high = 1.0 if value == 1.0 else min(1.0, middle + half)
    return low, high


def mean_of_means(means: Sequence[Mean]) -> Mean:
    """Return the mean of independent means, each counting alike.

    Its interval follows from theirs: the squares of what they reach below, and above, are added (MOVER).

    Parameters
    ----------
    means
        At least one.

    Examples
    --------
    >>> mean = mean_of_means([Mean(0.5, 0.4, 0.6), Mean(0.7, 0.6, 0.8)])
    >>> round(mean.value, 3), round(mean.low, 3), round(mean.high, 3)
    (0.6, 0.529, 0.671)
    """
    number = len(means)
    value = math.fsum(one.value for one in means) / number
    below = math.sqrt(math.fsum((one.value - one.low) ** 2 for one in means)) / number
    above = math.sqrt(math.fsum((one.high - one.value) ** 2 for one in means)) / number
    return Mean(value, value - below, value + above)


def deviation_over_seeds(scores: NDArray[np.float64]) -> float | None:
    """Return the standard deviation of the means of single seeds; None of one seed.

    Parameters
    ----------
    scores
        ``[questions, seeds]``.
    """
    if scores.shape[1] < 2:  # noqa: PLR2004 one value has no deviation
        return None
    return float(np.nanmean(scores, axis=0).std(ddof=1))
