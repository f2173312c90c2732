"""What a distillation will ask, cost and take, before anything is asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from octomed.distill.failures import FAILURES, Failures
from octomed.distill.had import had_of
from octomed.distill.question import Refused
from octomed.distill.questions import Questions
from octomed.distill.requests import ask_of
from octomed.distill.sample_file import SAMPLES, entries_of
from octomed.report import units

if TYPE_CHECKING:
    from octomed.distill.recipe import DistillRecipe
    from octomed.distill.schema import Distillation

_BYTES_OF_A_TOKEN = 4
_TOKENS_OF_AN_IMAGE = 340
"""Of 512 by 512 pixels, as Qwen2.5-VL takes it; other teachers take 85 to 1,600."""
_TOKENS_OF_A_REPLY = 840
"""A reasoning trace on a medical question, where no sample stands that says more."""
_MOST_LINES = 10_000
"""Samples that are looked at for the mean of replies."""
_SECONDS = 3600.0


@dataclass(frozen=True)
class DistillPlan:
    """A distillation in figures; tokens are estimates.

    Attributes
    ----------
    questions, refused
        Rows that are asked, and rows that are not.
    had
        Samples that stand, which are not asked again.
    samples, requests
        What is asked for at most, and by how many requests: with `until` questions may end before.
    asked, answered
        Tokens of requests and replies: by four bytes of text, 340 an image, and the mean reply that stands.
    reply_tokens, reply_seconds
        Tokens and seconds of a reply, and
    measured
        whether the samples that stand say so.
    cost
        By the recipe's prices; None without.
    hours
        At the recipe's limits, and at its concurrency where samples that stand say what a reply takes;
        None where neither says anything.
    """

    questions: int
    refused: int
    had: int
    samples: int
    requests: int
    asked: int
    answered: int
    reply_tokens: int
    reply_seconds: float | None
    measured: bool
    cost: float | None
    hours: float | None

    def values(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it in words, a line a thing."""
        found = [
            f"{units.count(self.questions)} questions, {units.count(self.samples)} samples to ask for"
            + (f", {units.count(self.had)} stand" if self.had else "")
            + (f", {units.count(self.refused)} rows are not asked" if self.refused else ""),
            (
                f"{units.count(self.requests)} requests, about {units.count(self.asked)} tokens asked, "
                f"{units.count(self.answered)} answered"
            ),
            f"{self.reply_tokens:,} tokens a reply, "
            + ("as the samples that stand have" if self.measured else "assumed: no sample stands yet"),
        ]
        found.append(
            "no `teacher.price`: cost unknown" if self.cost is None else f"cost about {self.cost:,.2f}"
        )
        if self.hours is None:
            found.append("no limit a minute and no sample that stands: hours unknown")
        else:
            found.append(f"about {self.hours:,.1f} hours at the recipe's limits")
        return found


def plan_of(recipe: DistillRecipe) -> DistillPlan:
    """Say what a distillation will ask, cost and take; nothing is asked, and nothing written.

    Parameters
    ----------
    recipe
        As :func:`octomed.distill.recipe.load_distill_recipe` gives it.

    Raises
    ------
    RecipeError, DataError
        When a source cannot be read.
    StorageError
        When a line of the samples that stand is damaged.
    """
    settings = recipe.settings
    questions = Questions(recipe.asked)
    had, accepted = had_of(recipe, questions)
    failures = Failures(recipe.output / FAILURES, recipe.asked.output.mode)
    rows = refused = stood = samples = requests = asked = 0
    for found in questions:
        if isinstance(found, Refused):
            refused += 1
            continue
        rows += 1
        ask = ask_of(found, settings.teacher)
        missing = failures.still_missing(ask.key, settings.most, had)
        stood += had.count(ask.key, settings.most)
        if settings.until is not None and accepted.get(ask.key, 0) >= settings.until.accepted:
            continue
        made = min(1, len(missing)) if settings.teacher.several else len(missing)
        samples += len(missing)
        requests += made
        text = sum(
            len(part.encode())
            for _, parts in found.row_values.turns
            for part in parts
            if isinstance(part, str)
        )
        asked += made * (-(-text // _BYTES_OF_A_TOKEN) + _TOKENS_OF_AN_IMAGE * len(found.row_values.images))
    tokens, seconds = _reply(recipe)
    reply = tokens or _TOKENS_OF_A_REPLY
    answered = samples * reply
    return DistillPlan(
        questions=rows,
        refused=refused,
        had=stood,
        samples=samples,
        requests=requests,
        asked=asked,
        answered=answered,
        reply_tokens=reply,
        reply_seconds=seconds,
        measured=tokens is not None,
        cost=settings.cost(asked, answered),
        hours=_hours(settings, requests, asked + answered, seconds),
    )


def _reply(recipe: DistillRecipe) -> tuple[int | None, float | None]:
    """Return tokens of a sample and seconds of a request, by the first samples that stand."""
    tokens = samples = requests = 0
    seconds = 0.0
    for number, entry in enumerate(entries_of(recipe.output / SAMPLES)):
        if number == _MOST_LINES:
            break
        samples += 1
        usage = entry.get("usage")  # of the first sample of a reply alone
        if usage:
            requests += 1
            tokens += usage.get("answered", 0)
            seconds += entry.get("seconds", 0.0)
    if not tokens:
        return None, None
    return max(1, round(tokens / samples)), seconds / requests or None


def _hours(settings: Distillation, requests: int, tokens: int, seconds: float | None) -> float | None:
    limits = settings.limits
    minutes = [
        number / limit
        for number, limit in (
            (requests, limits.requests_per_minute),
            (tokens, limits.tokens_per_minute),
        )
        if limit is not None
    ]
    hours = [one / 60.0 for one in minutes]
    if seconds is not None:
        hours.append(requests * seconds / limits.concurrency / _SECONDS)
    return max(hours, default=None)
