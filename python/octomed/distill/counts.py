"""What a distillation has done so far, and what it is told to people as."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.names import printable_line
from octomed.report import units

if TYPE_CHECKING:
    from octomed.distill.replies import Reply
    from octomed.distill.schema import Asking


@dataclass
class Counts:
    """Sums of a run.

    Attributes
    ----------
    questions
        Rows that were asked, those that needed nothing more included.
    had
        Samples that were there before.
    samples
        Samples that came.
    accepted, judged
        Of those that were judged, how many packing would accept.
    empty, cut, repeated
        Samples without text; that ended by their length; whose text equals another one's of their question.
    asked, answered
        Tokens of requests and replies, those of earlier runs included.
    refused
        Rows that were not asked, by reason.
    failed
        Samples that no attempt gave, by reason.
    attempts
        Attempts that failed, by kind, and were made again.
    models
        Samples by what the server calls the model that gave them.
    notes
        What is worth a look.
    """

    questions: int = 0
    had: int = 0
    samples: int = 0
    accepted: int = 0
    judged: int = 0
    empty: int = 0
    cut: int = 0
    repeated: int = 0
    asked: int = 0
    answered: int = 0
    requests: int = 0
    seconds: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Tokens of requests and replies."""
        return self.asked + self.answered

    def count_reply(self, reply: Reply) -> None:
        """Count what a reply took, and whose it is."""
        self.asked += reply.usage.asked
        self.answered += reply.usage.answered
        if reply.model is not None:
            self.models[reply.model] += len(reply.samples)

    def words(self, settings: Asking) -> list[str]:
        """Return the line of figures, the most wanted first."""
        found = [f"{units.count(self.questions)} questions", f"{units.count(self.samples)} samples"]
        if self.judged:
            found.append(f"{units.percent(self.accepted / self.judged)} accepted")
        found.append(f"{units.count(self.tokens)} tokens")
        cost = settings.cost(self.asked, self.answered)
        if cost is not None:
            found.append(f"cost {cost:,.2f}")
        if self.seconds > 0:
            found.append(f"{units.rate(self.samples / self.seconds)} samples/s")
        return found

    def values(self, settings: Asking) -> dict[str, Any]:
        """Return all of it as plain values."""
        plain = {name: value for name, value in vars(self).items() if not isinstance(value, Counter)}
        counters = {name: dict(value) for name, value in vars(self).items() if isinstance(value, Counter)}
        cost = settings.cost(self.asked, self.answered)
        return {**plain, **counters, "seconds": round(self.seconds, 3), "cost": cost}

    def lines(self, settings: Asking) -> list[str]:
        """Return the summary, a line a thing."""
        found = [", ".join(self.words(settings))]
        if self.had:
            found.append(f"{units.count(self.had)} samples were there before, and were not asked again")
        for what, number in (
            ("have no text", self.empty),
            ("were cut by their length, which no rule accepts", self.cut),
            ("equal another sample of their question", self.repeated),
        ):
            if number:
                found.append(f"{units.count(number)} samples {what}")
        for what, counter in (
            ("rows were not asked", self.refused),
            ("samples did not come", self.failed),
            ("attempts were made again", self.attempts),
        ):
            if counter:
                each = ", ".join(f"{name} {units.count(number)}" for name, number in counter.most_common())
                found.append(f"{units.count(counter.total())} {what}: {each}")
        others = {name: number for name, number in self.models.items() if name != settings.teacher.model}
        if others:
            each = ", ".join(
                f"`{printable_line(name)}` {units.count(number)}" for name, number in others.items()
            )
            found.append(f"the server names another model than `{settings.teacher.model}`: {each}")
        return [*found, *self.notes]
