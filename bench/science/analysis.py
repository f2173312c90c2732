"""What the seeds show: each claim with its figure, interval, bar and controls, fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

DRAWS = 2000
_RIGHT, _TOKENS, _WHOLE = range(3)
_HOPS, _DRUGS, _NEW = range(3)


@dataclass(frozen=True)
class Figure:
    """A figure of all seeds.

    Attributes
    ----------
    mean
        Over the seeds.
    low, high
        The middle 95 % of the means when the questions of every seed are drawn anew.
    seeds
        The figure of each.
    """

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Finding:
    """A claim, or a control of one.

    Attributes
    ----------
    claim
        Which claim it belongs to.
    text
        What is measured.
    figure
        What was found.
    least, most
        The bar: between which the mean has to be.
    """

    claim: str
    text: str
    figure: Figure
    least: float
    most: float

    @property
    def holds(self) -> bool:
        """Tell whether the mean reaches the bar."""
        return bool(self.least <= self.figure.mean <= self.most)


class Answered:
    """The answers of a seed's conditions, and facts of the questions, as arrays.

    Parameters
    ----------
    answers
        By condition: right, tokens, whole; a row a question.
    facts
        Hidden steps, drugs, whether one is new; a row a question.
    """

    def __init__(self, answers: dict[str, NDArray[np.int64]], facts: NDArray[np.int64]) -> None:
        self._answers, self.facts = answers, facts

    @classmethod
    def by(cls, seed: dict[str, Any]) -> Answered:
        """Return the answers of what a seed's run returned."""
        answers = {name: np.array(rows) for name, rows in seed["conditions"].items()}
        return cls(answers, np.array(seed["questions"]))

    def drawn(self, lots: np.random.Generator) -> Answered:
        """Return as many questions, drawn with replacement, and their answers under every condition."""
        rows = lots.integers(0, len(self.facts), len(self.facts))
        return Answered({name: answers[rows] for name, answers in self._answers.items()}, self.facts[rows])

    def of(self, condition: str) -> NDArray[np.int64]:
        """Return what a condition's model answered: right, tokens, whole; a row a question."""
        return self._answers[condition]

    def accuracy(self, condition: str) -> float:
        """Return the share of right answers; cut ones are wrong."""
        return float(self.of(condition)[:, _RIGHT].mean())

    def length(self, condition: str, *, new: bool = False, wrong: bool = False, given: bool = True) -> float:
        """Return the correlation of generated tokens with hidden difficulty, without cut answers.

        Parameters
        ----------
        condition
            Whose answers.
        new
            Only questions with a drug that no training question has.
        wrong
            Only wrong answers.
        given
            Partial, given what the question shows: how many drugs it names, as a class each.
        """
        answers = self.of(condition)
        keep = answers[:, _WHOLE] == 1
        keep &= (self.facts[:, _NEW] == 1) | (not new)
        keep &= (answers[:, _RIGHT] == 0) | (not wrong)
        tokens, hops = answers[keep, _TOKENS].astype(float), self.facts[keep, _HOPS].astype(float)
        if given:
            shown = _classes(self.facts[keep, _DRUGS])
            tokens, hops = _without(tokens, shown), _without(hops, shown)
        return _correlation(tokens, hops)

    def shown(self, condition: str) -> float:
        """Return how tokens correlate with what the question shows alone: its number of drugs."""
        answers = self.of(condition)
        keep = answers[:, _WHOLE] == 1
        return _correlation(answers[keep, _TOKENS].astype(float), self.facts[keep, _DRUGS].astype(float))


def figure(seeds: Sequence[dict[str, Any]], of: Callable[[Answered], float]) -> Figure:
    """Return a figure of all seeds with its interval.

    Parameters
    ----------
    seeds
        What the seeds' runs returned.
    of
        The figure of one.
    """
    lots = np.random.default_rng(20)
    answered = [Answered.by(seed) for seed in seeds]
    exact = [of(one) for one in answered]
    drawn = np.array([[of(one.drawn(lots)) for one in answered] for _ in range(DRAWS)]).mean(axis=1)
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Figure(float(np.mean(exact)), float(low), float(high), tuple(exact))


def difference(one: str, other: str) -> Callable[[Answered], float]:
    """Return what gives the accuracy of one condition less that of another, on the same questions."""
    return lambda answered: answered.accuracy(one) - answered.accuracy(other)


def _classes(values: NDArray[np.int64]) -> NDArray[np.float64]:
    return (values[:, None] == np.unique(values)[None, :]).astype(float)


def _without(values: NDArray[np.float64], shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what of values a linear function of what is shown leaves over."""
    return values - shown @ np.linalg.lstsq(shown, values, rcond=None)[0]


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if len(one) < 3 or one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
