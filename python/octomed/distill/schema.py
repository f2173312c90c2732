"""What a distillation's recipe has besides the keys of a packing recipe: the teacher, samples and limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part

if TYPE_CHECKING:
    from typing_extensions import Self

_OWN_PARAMETERS = {
    "messages": "the questions are",
    "model": "`teacher.model` is",
    "n": "`samples` is",
    "seed": "`teacher.seeds` says whether each sample has one",
    "stream": "replies are taken whole",
    "system": "`system` is",
}
"""Keys of a request that are not the user's to write, and what is said in their place."""

Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Amount = Annotated[float, Field(gt=0.0, strict=False, allow_inf_nan=False)]


def http_address(value: str) -> str:
    """Return the address of an endpoint, without a slash at its end; refuse what is none."""
    if not value.startswith(("http://", "https://")):
        raise invalid(f"`{value}` is no endpoint", "write `https://api.deepseek.com/v1`, for instance")
    if "@" in value or "?" in value:
        raise invalid(
            "an endpoint has no user and no query",
            "write the name of the environment variable that holds the key as `teacher.key`",
        )
    return value.rstrip("/")


class Price(Part):
    """What a teacher's tokens cost, in any currency."""

    input: Annotated[float, Field(ge=0.0, strict=False)]
    """For a million tokens of what is asked."""
    output: Annotated[float, Field(ge=0.0, strict=False)]
    """For a million tokens of what is answered, reasoning included."""


class Teacher(Part):
    """The model that is asked."""

    endpoint: Annotated[str, AfterValidator(http_address)]
    """Where it is: the address before `/chat/completions` or `/messages`."""
    model: Annotated[str, Field(min_length=1)]
    """What its server calls it."""
    api: Literal["openai", "anthropic"] = "openai"
    """The form of its requests: that of OpenAI's chat completions, or of Anthropic's messages."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable that holds the key; none is sent if left out."""
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """Header that the key is sent in, as it is: `api-key` for Azure; the interface's own if left out."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """More keys of each request: `temperature`, `top_p`, `max_tokens`, and what else its server knows."""
    several: bool = False
    """Whether a request may ask for several samples (`n`): its prompt is then sent and billed once."""
    seeds: bool = False
    """Whether each sample is asked with a seed of its own: for servers that honour them."""
    price: Price | None = None
    """What it costs."""

    @model_validator(mode="after")
    def _no_own_parameters(self) -> Teacher:
        for name in self.parameters:
            if name in _OWN_PARAMETERS:
                raise invalid(
                    f"`{name}` is no parameter of the teacher",
                    f"leave it out: {_OWN_PARAMETERS[name]}",
                    at=("parameters", name),
                )
        if self.api == "anthropic" and self.several:
            message = "Anthropic's messages give one sample a request"
            raise invalid(message, "leave `several` out", at=("several",))
        if self.api == "anthropic" and self.seeds:
            raise invalid("Anthropic's messages know no seeds", "leave `seeds` out", at=("seeds",))
        if self.api == "anthropic" and "max_tokens" not in self.parameters:
            message = "Anthropic's messages want `max_tokens`"
            raise invalid(message, "write `parameters: {max_tokens: 8192}`", at=("parameters",))
        return self


class Until(Part):
    """When a question has enough samples."""

    accepted: Count
    """Samples that `curate` accepts, after which a question is asked no more."""
    at_most: Count | None = None
    """Samples of a question at most; `samples` if left out."""


class Budget(Part):
    """When a run stops by itself; what earlier runs into the same output took counts."""

    tokens: Count | None = None
    """Tokens of requests and replies."""
    cost: Amount | None = None
    """Money, in the currency of `teacher.price`."""


class Limits(Part):
    """How fast the teacher is asked."""

    concurrency: Annotated[int, Field(ge=1, le=65536)] = 64
    """Requests under way at most; fewer while the server says that it is busy."""
    requests_per_minute: Count | None = None
    """Requests that begin in a minute at most."""
    tokens_per_minute: Count | None = None
    """Tokens of requests and replies in a minute at most, replies by their mean so far."""
    timeout: Annotated[float, Field(gt=0.0, le=86400.0, strict=False)] = 1800.0
    """Seconds after which a request without a whole reply is ended and made again."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """Attempts of a request that fails for a reason that may pass; being told to wait is none."""


class Asking(Part):
    """The keys of whatever asks a teacher, besides those of a packing recipe."""

    teacher: Teacher
    """The model that is asked."""
    limits: Limits = Limits()
    """How fast the teacher is asked."""
    budget: Budget | None = None
    """When a run stops by itself; at its end if left out."""

    @model_validator(mode="after")
    def _has_prices(self) -> Self:
        if self.budget is not None and self.budget.cost is not None and self.teacher.price is None:
            hint = "write `teacher.price: {input: …, output: …}`, for a million tokens"
            raise invalid("a budget in money wants prices", hint, at=("budget", "cost"))
        return self

    def cost(self, asked: int, answered: int) -> float | None:
        """Return what tokens cost, None where no price is known.

        Parameters
        ----------
        asked, answered
            Tokens of requests and of replies.
        """
        price = self.teacher.price
        if price is None:
            return None
        return math.fsum((asked * price.input, answered * price.output)) / 1e6

    def spent(self, asked: int, answered: int) -> str | None:
        """Return that the budget is spent, in words; None while it is not.

        Parameters
        ----------
        asked, answered
            Tokens of requests and of replies.
        """
        budget = self.budget
        if budget is None:
            return None
        if budget.tokens is not None and asked + answered >= budget.tokens:
            return f"the budget of {budget.tokens:,} tokens is spent"
        cost = self.cost(asked, answered)
        if budget.cost is not None and cost is not None and cost >= budget.cost:
            return f"the budget of {budget.cost:,.2f} is spent"
        return None


class Distillation(Asking):
    """The keys of a distillation, besides those of a packing recipe."""

    samples: Annotated[int, Field(ge=1, le=1024)] = 16
    """Samples of each question."""
    until: Until | None = None
    """When a question is asked no more before it has all samples; never if left out."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.until is not None:
            most = self.until.at_most or self.samples
            if self.until.accepted > most:
                message = f"{self.until.accepted} accepted of {most} samples are never reached"
                raise invalid(message, "raise `until.at_most` or `samples`", at=("until", "accepted"))
        return self

    @property
    def most(self) -> int:
        """Samples of a question at most."""
        return (self.until.at_most if self.until else None) or self.samples


ASKING: dict[tuple[str, ...], type[BaseModel]] = {
    ("teacher",): Teacher,
    ("teacher", "price"): Price,
    ("limits",): Limits,
    ("budget",): Budget,
}
"""The typed models of the mappings that whatever asks a teacher has."""

MODELS: dict[tuple[str, ...], type[BaseModel]] = {(): Distillation, **ASKING, ("until",): Until}
"""The typed models of the mappings, by the names that lead to them."""
