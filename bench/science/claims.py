"""The claims, their bars and their controls: fixed on tuning seeds, before the reported ones ran."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.science.analysis import Answered, Finding, difference, figure
from bench.science.conditions import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ANY = math.inf

Row = tuple[str, str, "Callable[[Answered], float]", float, float]
ROWS: tuple[Row, ...] = (
    ("ladder", "accuracy, 4 traces a question less 1", difference("traces-4", "traces-1"), 0.05, _ANY),
    ("ladder", "accuracy, 16 less 4", difference("traces-16", "traces-4"), 0.2, _ANY),
    (
        "ladder",
        "accuracy, 16 traces less 1 at equal steps",
        difference("traces-16", "traces-1-equal-steps"),
        0.08,
        _ANY,
    ),
    ("length", "partial correlation of length and hidden steps", lambda a: a.length("traces-16"), 0.8, _ANY),
    ("length", "the same, questions with new drugs", lambda a: a.length("traces-16", new=True), 0.6, _ANY),
    ("length", "the same, wrong answers alone", lambda a: a.length("traces-16", wrong=True), 0.5, _ANY),
    (
        "length",
        "control: the same, traces padded without regard to the question",
        lambda a: a.length("traces-16-padded"),
        -0.3,
        0.3,
    ),
    (
        "acceptance",
        "accuracy, accepted traces less unfiltered ones at equal steps",
        difference("traces-16", "traces-16-unfiltered"),
        0.05,
        _ANY,
    ),
    (
        "direct",
        "accuracy, traces less direct answers at equal tokens",
        difference("traces-16", "direct-equal-tokens"),
        0.1,
        _ANY,
    ),
)


def findings(seeds: Sequence[dict[str, Any]]) -> list[Finding]:
    """Return what the seeds show of each claim whose conditions all of them have."""
    ran = set.intersection(*(set(seed["conditions"]) for seed in seeds))
    made = [claim for claim, needed in CLAIMS.items() if {one.name for one in needed} <= ran]
    return [
        Finding(claim, text, figure(seeds, of), least, most)
        for claim, text, of, least, most in ROWS
        if claim in made
    ]


def verdicts(found: Sequence[Finding]) -> dict[str, bool]:
    """Return which claims are made: those of which every row, controls included, reaches its bar."""
    return {
        claim: all(one.holds for one in found if one.claim == claim)
        for claim in {one.claim: 0 for one in found}
    }
