"""Two evaluations beside each other: what differs, question by question, and whether chance explains it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.errors import DataError, RecipeError
from octomed.evaluate.paired import holm, interval_of, mcnemar, sign_flips
from octomed.evaluate.results import FORMAT, QUESTIONS, RESULTS
from octomed.evaluate.table import aligned, percent
from octomed.names import shown

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

_HEAD = ("benchmark", "questions", "first", "second", "difference", "95 %", "p", "p (Holm)", "test")
_OF_PROTOCOL = (
    "temperature",
    "top_p",
    "max_tokens",
    "thinking_tokens",
    "seeds",
    "pictures",
    "max_pixels",
    "prompt",
)


@dataclass(frozen=True)
class Difference:
    """What differs on a benchmark.

    Attributes
    ----------
    name
        Of the benchmark; with `vote` behind it where majority votes are compared.
    questions
        That both have.
    only_first, only_second
        Questions that one of both has alone: they are not compared.
    first, second
        Means over the questions of both.
    low, high
        Ends of the interval of `second - first`, 95 %.
    p_value, p_holm
        Two-sided, as it is and corrected for the number of benchmarks.
    test
        `McNemar` where each question is right or wrong once, else `sign flips` of the questions' means.
    """

    name: str
    questions: int
    only_first: int
    only_second: int
    first: float
    second: float
    low: float
    high: float
    p_value: float
    p_holm: float
    test: str


@dataclass(frozen=True)
class Comparison:
    """Two evaluations beside each other.

    Attributes
    ----------
    first, second
        Their names.
    differences
        By benchmark.
    notes
        What has to be known before they are read.
    """

    first: str
    second: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return notes and a table."""
        rows = [
            (
                one.name,
                f"{one.questions:,}",
                percent(one.first),
                percent(one.second),
                f"{100 * (one.second - one.first):+.2f}",
                f"{100 * one.low:+.2f} to {100 * one.high:+.2f}",
                f"{one.p_value:.3g}",
                f"{one.p_holm:.3g}",
                one.test,
            )
            for one in self.differences
        ]
        named = [f"first: {self.first}", f"second: {self.second}"]
        return [*named, *(f"note: {note}" for note in self.notes), *aligned([_HEAD, *rows])]


def compare(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Comparison:
    """Compare two finished evaluations, by the questions that both have.

    Parameters
    ----------
    first, second
        Their folders.

    Raises
    ------
    RecipeError
        When a folder holds no finished evaluation, or both share no question.
    DataError
        When a file is damaged.
    """
    results = [_results_of(Path(one)) for one in (first, second)]
    questions = [_questions_of(Path(one)) for one in (first, second)]
    found: list[Difference] = []
    notes = [*_other_protocol(*results)]
    for name in questions[0]:
        if name not in questions[1]:
            notes.append(f"`{name}` is only in the first")
            continue
        both = [questions[0][name], questions[1][name]]
        found += _of_benchmark(name, *both)
        if set(both[0]) != set(both[1]):
            left = len(set(both[0]) ^ set(both[1]))
            notes.append(f"`{name}`: {left:,} questions are in one of both alone, and not compared")
    notes += [f"`{name}` is only in the second" for name in questions[1] if name not in questions[0]]
    if not found:
        raise RecipeError(
            "the two evaluations have no question in common", "see `benchmarks` of their recipes"
        )
    corrected = holm([one.p_value for one in found])
    differences = tuple(
        Difference(**{**asdict(one), "p_holm": value}) for one, value in zip(found, corrected, strict=True)
    )
    return Comparison(results[0]["name"], results[1]["name"], differences, tuple(notes))


def _of_benchmark(
    name: str, first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]
) -> list[Difference]:
    shared = [key for key in first if key in second]
    if not shared:
        return []
    counts = (len(shared), len(first) - len(shared), len(second) - len(shared))
    scores = [np.array([_mean(one[key]) for key in shared]) for one in (first, second)]
    single = all(one[key]["seeds"] == 1 for one in (first, second) for key in shared)
    found = [_difference(name, counts, *scores, single=single and _binary(*scores))]
    if all(one[key]["vote"] is not None for one in (first, second) for key in shared):
        votes = [np.array([one[key]["vote"]["score"] for key in shared]) for one in (first, second)]
        found.append(_difference(f"{name}, vote", counts, *votes, single=_binary(*votes)))
    return found


def _mean(question: dict[str, Any]) -> float:
    scores = question["scores"][: question["seeds"]]
    return float(sum(scores) / len(scores))


def _binary(*scores: Scores) -> bool:
    return all(bool(np.isin(one, (0.0, 1.0)).all()) for one in scores)


def _difference(
    name: str, counts: tuple[int, int, int], first: Scores, second: Scores, *, single: bool
) -> Difference:
    differences = second - first
    value = mcnemar(second, first) if single else sign_flips(differences)
    return Difference(
        name,
        *counts,
        float(first.mean()),
        float(second.mean()),
        *interval_of(differences),
        value,
        value,
        "McNemar" if single else "sign flips",
    )


def _results_of(folder: Path) -> dict[str, Any]:
    path = folder / RESULTS
    try:
        values = json.loads(path.read_bytes())
        if values["format"] > FORMAT:
            raise RecipeError(f"`{shown(str(path))}` is from a newer version", "update OctoMed")
        return {"name": str(values["name"]), "protocol": dict(values["protocol"])}
    except FileNotFoundError:
        raise RecipeError(
            f"`{shown(str(folder))}` holds no finished evaluation: it has no `{RESULTS}`",
            "name the output folder of `octomed evaluate`",
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"`{shown(str(path))}` is damaged: {error}", "run the evaluation again") from None


def _questions_of(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the questions of an evaluation by benchmark and content; of equal ones the first."""
    path = folder / QUESTIONS
    found: dict[str, dict[str, dict[str, Any]]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                one = json.loads(line)
                _mean(one)
                found.setdefault(one["benchmark"], {}).setdefault(one["content"], one)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise DataError(f"`{shown(str(path))}` is damaged: {error}", "run the evaluation again") from None
    return found


def _other_protocol(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    return [
        f"`{key}` differs: {first['protocol'].get(key)} and {second['protocol'].get(key)}"
        for key in _OF_PROTOCOL
        if first["protocol"].get(key) != second["protocol"].get(key)
    ]
