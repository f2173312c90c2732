"""The final answer of a response, and whether it is right: one function for curation and evaluation.

What counts as an answer, and which texts are none, is in ``docs/curation.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from octomed import _octomed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Answer", "Match", "Parts", "State", "extract", "judge", "split"]

Match = Literal["options", "exact", "contains"] | Mapping[Literal["token_f1"], float]
"""How an answer is compared; see :func:`judge`."""

State = Literal["right", "wrong", "ambiguous", "absent", "cut", "present"]
"""What :func:`judge` finds."""

_LABELLED = re.compile(r"\s*\(?([A-Za-z]|\d{1,2})(?:[.:)]\s+|[:)])(?=\S)")
_MARKS = " *_`\"'$"
_IN_LATEX = re.compile(r"\\(?:text|mathrm|mathbf)\w*\{([^{}]*)\}?")
"""The last brace may be that of a box around it, which is no part of the text."""


@dataclass(frozen=True)
class Parts:
    """A response, split where its reasoning ends.

    Attributes
    ----------
    reasoning : str or None
        The reasoning; None where nothing marks one, empty where the markers hold nothing.
    answer : str
        What follows it; the whole response where nothing marks a reasoning.
    is_closed : bool
        False where the reasoning never ends: the response was cut in it.
    """

    reasoning: str | None
    answer: str
    is_closed: bool


@dataclass(frozen=True)
class Answer:
    r"""The final answer of a response.

    Attributes
    ----------
    kind : {"options", "text", "number", "ambiguous", "absent", "cut"}
        What was found. The last three are no answer: it cannot be told which of several is meant, there
        is none or none that is an option, or the response ends before its answer is whole.
    options : tuple of int
        Places of the options that are answered, from 0, in their order.
    labels : tuple of str
        Their labels, empty where the options have none.
    text : str or None
        The option's text, or the free text; None where several options are answered.
    value : float or None
        The number, where the question has no options and the answer is one.
    unit : str or None
        Its unit, in lower case; empty where there is none.
    convention : {"tag", "boxed", "statement", "verdict", "line", "mention"} or None
        How the response marks it: ``<answer>``, ``\boxed{}``, "the answer is …", "… is the best choice",
        a line that is an option, or one option that the conclusion names.
    in_reasoning : bool
        Whether it stands in the reasoning alone.
    """

    kind: str
    options: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    text: str | None = None
    value: float | None = None
    unit: str | None = None
    convention: str | None = None
    in_reasoning: bool = False


def split(response: str, *, reasoning: str | None = None) -> Parts:
    """Split a response into reasoning and answer.

    Parameters
    ----------
    response : str
        The response, with the markers of its model: ``<think>``, ``## Thinking`` … ``## Final Response``
        and others.
    reasoning : str, optional
        The reasoning, where it has a column of its own; it wins over markers.

    Returns
    -------
    Parts
        Both, without white space around them.

    Examples
    --------
    >>> from octomed.answers import split
    >>> split("<think>Gram-negative.</think> The answer is (C).").answer
    'The answer is (C).'
    >>> split("<think>Gram-neg").is_closed
    False
    """
    return Parts(*_octomed.response_parts(response, reasoning))


def extract(
    response: str,
    options: Sequence[str] | Mapping[str, str] = (),
    *,
    reasoning: str | None = None,
    finished: bool | None = None,
) -> Answer:
    r"""Find the final answer of a response.

    The last explicit marker behind the reasoning decides. Without one an answer is a line that is an
    option, or the one option that the conclusion names. What could be several answers is ambiguous, and
    never guessed.

    Parameters
    ----------
    response : str
        The response.
    options : sequence of str or mapping of str to str
        The options' texts, with or without a label before them, or label to text. Without options the
        answer is the text or number that a marker or a single line gives.
    reasoning : str, optional
        The reasoning, where it has a column of its own.
    finished : bool, optional
        Whether the response ended by itself. False (``finish_reason: length``) is never an answer; where
        it is not known, the text tells.

    Returns
    -------
    Answer
        The answer, or why there is none.

    Examples
    --------
    >>> from octomed.answers import extract
    >>> drugs = {"A": "Ampicillin", "B": "Ceftriaxone", "C": "Nitrofurantoin"}
    >>> extract("<think>A fails.</think> The answer is (C).", drugs).labels
    ('C',)
    >>> extract("Not A but nitrofurantoin. So \\boxed{\\text{C. Nitrofurantoin}}", drugs).text
    'Nitrofurantoin'
    >>> extract("The answer is A or C.", drugs).kind
    'ambiguous'
    >>> extract("Answer: 500 mg").value
    500.0
    """
    pairs = _pairs(options)
    found = _octomed.extract_answer(response, pairs, reasoning, finished)
    kind, places, text, value, convention, in_reasoning = found
    return Answer(
        kind=kind,
        options=tuple(places),
        labels=tuple(pairs[place][0] for place in places),
        text=pairs[places[0]][1]
        if len(places) == 1
        else _words_of(text)
        if kind == "text" and text
        else None,
        value=value,
        unit=text if kind == "number" else None,
        convention=convention,
        in_reasoning=in_reasoning,
    )


def _words_of(text: str) -> str:
    """Return a text without the colon of what leads to it, marks behind that, and LaTeX's word for text."""
    return _IN_LATEX.sub(r"\1", text).strip().removeprefix(":").strip(_MARKS) or text


def judge(  # noqa: PLR0913 an answer is compared in many ways
    response: str,
    answer: str | int | None,
    options: Sequence[str] | Mapping[str, str] = (),
    *,
    match: Match = "options",
    index_base: Literal[0, 1] | None = None,
    reasoning: str | None = None,
    finished: bool | None = None,
) -> State:
    """Compare the final answer of a response with the gold answer.

    Parameters
    ----------
    response : str
        The response.
    answer : str, int or None
        The gold answer: an option's label, its text, ``"E: text"``, several labels, an index, yes, no or
        maybe, a number with a unit, or a text. None asks only whether there is an answer.
    options : sequence of str or mapping of str to str
        As :func:`extract` takes them.
    match : {"options", "exact", "contains"} or {"token_f1": float}
        How a gold answer that is no option is compared: not at all; the whole answer; held by the answer
        and not denied; sharing so many words (the harmonic mean of both shares is at least this).
    index_base : {0, 1}, optional
        What an index counts from. A number that may be either is an error.
    reasoning : str, optional
        The reasoning, where it has a column of its own.
    finished : bool, optional
        Whether the response ended by itself; one that did not is never right.

    Returns
    -------
    State
        ``"right"``, ``"wrong"``, ``"ambiguous"``, ``"absent"`` or ``"cut"``; ``"present"`` without a gold
        answer.

    Raises
    ------
    DataError
        The gold answer is not among the options, fits several of them, or is a text that `match` does not
        compare.
    ValueError
        `match` is unknown, or a share outside 0 to 1.

    Examples
    --------
    >>> from octomed.answers import judge
    >>> drugs = ["Ampicillin", "Ceftriaxone", "Nitrofurantoin"]
    >>> judge("So the answer is **C**.", "C: Nitrofurantoin", drugs)
    'right'
    >>> judge("<think>I would say yes", "yes")
    'cut'
    >>> judge("Answer: a small pleural effusion", "pleural effusion", match="contains")
    'right'
    """
    rule, least = _rule(match)
    gold = None if answer is None else str(answer)
    pairs = _pairs(options)
    state = _octomed.judge_answer(response, gold, pairs, rule, least, index_base, reasoning, finished)
    return cast("State", state)


def _rule(match: Match) -> tuple[str, float]:
    """Return the name of a rule, and its least share."""
    if isinstance(match, str):
        return match, 1.0
    if set(match) != {"token_f1"} or not 0 <= match["token_f1"] <= 1:
        raise ValueError(f"`match` is options, exact, contains or {{token_f1: 0 to 1}}, not {match!r}")
    return "token_f1", float(match["token_f1"])


def _pairs(options: Sequence[str] | Mapping[str, str]) -> list[tuple[str, str]]:
    """Return label and text of each option; the labels are A, B, … where the texts carry none."""
    if isinstance(options, str):
        raise TypeError("`options` is a sequence of texts or a mapping of labels to texts, not one text")
    if isinstance(options, Mapping):
        return [(str(label), str(text)) for label, text in options.items()]
    texts = [str(text) for text in options]
    labels = [_label(place) for place in range(len(texts))]
    found = [match for match in map(_LABELLED.match, texts) if match]
    if [match[1] for match in found] == labels:
        texts = [match.string[match.end() :] for match in found]
    return list(zip(labels, texts, strict=True))


def _label(place: int) -> str:
    """Return the label of an option: A to Z, then AA, AB and so on."""
    before, letter = divmod(place, 26)
    return (_label(before - 1) if before else "") + chr(ord("A") + letter)
