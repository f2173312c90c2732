"""What is trained on what: the conditions of a seed, and how they are compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Scale:
    """How large a seed's models and corpora are.

    Attributes
    ----------
    width, layers, heads
        Of the model.
    lessons, base_steps, base_rate
        Rows and steps that the base model learns, and its learning rate.
    questions
        That the teacher is asked.
    passes
        How often a trace is learned, in all conditions that are not of equal steps with another.
    rate
        Learning rate behind the base model.
    tested
        Test questions of known drugs, and as many with new ones.
    samples
        Accepted traces that a question is to have, and samples of it at most.
    """

    width: int = 96
    layers: int = 3
    heads: int = 4
    lessons: int = 20_000
    base_steps: int = 600
    base_rate: float = 6e-3
    questions: int = 300
    passes: float = 2.0
    rate: float = 2e-3
    tested: int = 200
    samples: tuple[int, int] = (16, 64)


FULL = Scale()
SMOKE = Scale(
    width=32,
    layers=1,
    heads=2,
    lessons=300,
    base_steps=3,
    questions=24,
    passes=1.0,
    tested=20,
    samples=(4, 16),
)
"""Runs every step in seconds, and shows nothing."""


@dataclass(frozen=True)
class Condition:
    """A model: the base model, trained further on a packed run.

    Attributes
    ----------
    name
        What it is called in results.
    traces
        Traces a question at most.
    accepted
        Only those with the right answer.
    target
        `response`, or `answer` for right answers without reasoning.
    padded
        Reasoning is padded with words that say nothing, to a length that has nothing to do with the question.
    steps_of
        Another condition, whose number of steps it has; its own passes if None.
    """

    name: str
    traces: int = 16
    accepted: bool = True
    target: str = "response"
    padded: bool = False
    steps_of: str | None = None

    def recipe(self, most: int, against: str) -> dict[str, Any]:
        """Return `curate` and other keys of the packing recipe.

        Parameters
        ----------
        most
            Traces of a question in all conditions at most.
        against
            File of the test questions.
        """
        curate: dict[str, Any] = {
            "duplicates": {"exact": True},
            "decontaminate": {"against": [against], "ngram": 7, "allow_loss": {"world": 0.5}},
            "traces_per_question": {"keep": min(self.traces, most), "by": "random"},
        }
        if self.accepted:
            curate["accept"] = {"answer": "match", "match": "exact"}
        else:
            curate["where"] = {"sample": [0, most - 1]}
        return {"curate": curate, **({"target": self.target} if self.target != "response" else {})}


LADDER = (
    Condition("traces-16"),
    Condition("traces-4", traces=4),
    Condition("traces-1", traces=1),
    Condition("traces-1-equal-steps", traces=1, steps_of="traces-16"),
)
LENGTH = (Condition("traces-16-padded", padded=True, steps_of="traces-16"),)
ACCEPTANCE = (Condition("traces-16-unfiltered", accepted=False, steps_of="traces-16"),)
DIRECT = (Condition("direct-equal-tokens", target="answer", steps_of="traces-16"),)
CLAIMS: dict[str, tuple[Condition, ...]] = {
    "ladder": LADDER,
    "length": LENGTH,
    "acceptance": ACCEPTANCE,
    "direct": DIRECT,
}


def conditions_of(claims: Iterable[str]) -> list[Condition]:
    """Return the conditions that claims compare, each once and those of the ladder first.

    Parameters
    ----------
    claims
        Names of `CLAIMS`.
    """
    return list(dict.fromkeys((*LADDER, *(one for claim in claims for one in CLAIMS[claim]))))


SHORT = ("ladder", "length")
"""Claims of `make science`; `make science-all` has every one."""


@dataclass
class Counts:
    """What a condition was trained on: traces, tokens and packs of its run, and the steps."""

    traces: int
    tokens: int
    packs: int
    steps: int
    rejects: dict[str, int] = field(default_factory=dict)
