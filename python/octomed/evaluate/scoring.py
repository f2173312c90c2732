"""What an answer is worth: packing's rule of acceptance, which tells cut and missing ones; and the vote."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from octomed.answers import extract, split
from octomed.distill.judging import verdicts
from octomed.distill.replies import CUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from octomed import _octomed

State = Literal["right", "wrong", "no_answer", "ambiguous", "cut", "refused"]
"""What becomes of an answer. All but `right` count as wrong, and stay in the denominator."""

_STATES: dict[str, State] = {
    "kept": "right",
    "answer_format": "right",
    "wrong_answer": "wrong",
    "no_answer": "no_answer",
    "empty_response": "no_answer",
    "ambiguous_answer": "ambiguous",
    "cut_response": "cut",
}
"""What an answer is, by the reason for which packing would leave it out. One that is right but not of the
form that the training run asks for is right, and counted apart."""


@dataclass(frozen=True)
class Sample:
    """A scored answer.

    Attributes
    ----------
    score
        From 0 to 1: of choices 1 where it is right.
    state
        What it is.
    answer
        What it answers, as votes are counted: labels of options, or a text; None where it gives no answer.
    in_form
        Whether it has the form that the training run asks for; None where that is not known.
    tokens
        Generated, reasoning included; None where the server does not say.
    forced
        Whether its reasoning was ended by force; None where that is not known.
    text
        Hash of reasoning and response.
    """

    score: float
    state: State
    answer: str | None
    in_form: bool | None
    tokens: int | None
    forced: bool | None
    text: int


@dataclass(frozen=True)
class Vote:
    """The majority of several answers.

    Attributes
    ----------
    score, answer
        Of what most answers say; without any answer 0 and None.
    votes
        How many said so.
    """

    score: float
    answer: str | None
    votes: int


def overlap_of(score: str) -> Callable[[str, str], float] | None:
    """Return how much an open answer shares with the right one; None for benchmarks that are right or wrong.

    Parameters
    ----------
    score
        Of the benchmark.
    """
    if score != "token_f1":
        return None
    from octomed.evaluate.token_f1 import token_f1  # noqa: PLC0415 its vocabulary is loaded where it counts

    return token_f1


def scored(
    judge: _octomed.Scanner,
    columns: dict[str, Any],
    lines: Sequence[dict[str, Any]],
    overlap: Callable[[str, str], float] | None = None,
) -> list[Sample]:
    """Score the answers to a question.

    Parameters
    ----------
    judge
        Of the question's benchmark: the acceptance rule of packing.
    columns
        `question`, `options` and `answer`.
    lines
        Of the file of answers.
    overlap
        How much an open answer shares with the right one, from 0 to 1; where it is left out an answer is
        right or not.
    """
    found = verdicts(judge, columns, lines)
    return [_sample(columns, line, verdict, overlap) for line, verdict in zip(lines, found, strict=True)]


def _sample(
    columns: dict[str, Any],
    line: dict[str, Any],
    verdict: str,
    overlap: Callable[[str, str], float] | None,
) -> Sample:
    refused = line.get("refused") is not None
    state: State = "refused" if refused else _STATES[verdict]
    if verdict == "empty_response" and line.get("finish_reason") == CUT:
        state = "cut"  # in its reasoning, which its server keeps apart
    has_answer = state in {"right", "wrong"}
    score = float(state == "right")
    if overlap is not None and state not in {"refused", "cut"}:
        given = split(line["response"], reasoning=line.get("reasoning")).answer
        score = overlap(given, str(columns.get("answer") or ""))
    return Sample(
        score,
        state,
        _answer(columns, line) if has_answer else None,
        verdict == "kept" if verdict in {"kept", "answer_format"} else None,
        line.get("tokens"),
        line.get("forced"),
        hash((line.get("reasoning"), line["response"])),
    )


def _answer(columns: dict[str, Any], line: dict[str, Any]) -> str | None:
    """Return what is answered, so that equal answers are equal texts."""
    found = extract(line["response"], columns.get("options") or (), reasoning=line.get("reasoning"))
    if found.options:
        return ", ".join(found.labels)
    if found.value is not None:
        return f"{found.value:g} {found.unit or ''}".strip()
    return None if found.text is None else " ".join(found.text.casefold().split())


def majority(samples: Sequence[Sample]) -> Vote:
    """Return what most answers say; a tie goes to the answer seen first, and who abstains does not vote.

    Parameters
    ----------
    samples
        In the order in which they were asked.

    Examples
    --------
    >>> def says(answer, score):
    ...     state = "no_answer" if answer is None else "right" if score else "wrong"
    ...     return Sample(score, state, answer, None, 9, None, 0)
    >>> majority([says(None, 0.0), says("B", 0.0), says("A", 1.0), says("A", 1.0), says("B", 0.0)])
    Vote(score=0.0, answer='B', votes=2)
    """
    counted = Counter(one.answer for one in samples if one.answer is not None)
    if not counted:
        return Vote(0.0, None, 0)
    answer, votes = max(counted.items(), key=lambda one: one[1])  # the first of several
    return Vote(next(one.score for one in samples if one.answer == answer), answer, votes)
