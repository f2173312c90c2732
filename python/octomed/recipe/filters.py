"""Filters of responses: keys of `curate`, of one of its groups, and of a source's own `curate`."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, model_serializer, model_validator

from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part, Sparse

MEASURED = (
    "reasoning_words",
    "response_words",
    "ngram_share",
    "line_share",
    "script_share",
    "loop_words",
)
"""Measured values that `where` may name; a column of such a name is out of its reach."""

Kind = Literal["email", "phone", "national_id", "record_number", "date_of_birth"]
KINDS: tuple[Kind, ...] = ("email", "phone", "national_id", "record_number", "date_of_birth")
"""Kinds of identifying data."""

_MOST = 2**32 - 1

Share = Annotated[float, Field(ge=0.0, le=1.0, strict=False)]
Words = Annotated[int, Field(ge=0, le=_MOST)]
ColumnName = Annotated[str, Field(min_length=1)]
Switch = Literal["reject", "off"]
Form = Literal["think", "answer", "boxed", "final_response", "answer_line"]


def shape(value: Any) -> str:  # noqa: ANN401 what YAML gave
    """Return what a value is of those that may stand at a key: a mapping, a list, or a single word."""
    if isinstance(value, dict | BaseModel):
        return "<mapping>"
    return "<list>" if isinstance(value, list | tuple) else "<text>"


def _mapping_or_text(value: Any) -> str:  # noqa: ANN401 what YAML gave
    return "<mapping>" if shape(value) == "<mapping>" else "<text>"


Off = Annotated[Literal["off"], Tag("<text>")]


class TokenF1(Part):
    """Free text compared by the words that it shares with the right answer."""

    token_f1: Annotated[float, Field(gt=0.0, le=1.0, strict=False)]
    """Least F1 of the words of both, at which an answer is right."""


Match = Annotated[
    Annotated[Literal["options", "exact", "contains"], Tag("<text>")] | Annotated[TokenF1, Tag("<mapping>")],
    Discriminator(_mapping_or_text),
]


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise invalid("a word is written twice", "name each once")
    return values


class Acceptance(Part):
    """Which responses are accepted by their answer."""

    answer: Literal["match", "present", "off"] = "match"
    """Whether the answer must be the row's right one, any, or nothing is asked."""
    match: Match = "options"
    """How an answer is compared: as one of the options, or free text as a whole, contained, or by words."""
    format: Annotated[tuple[Form, ...], Field(strict=False)] = ()
    """Forms that a response must have, all of them: `think`, `answer`, `boxed`, …"""

    @model_validator(mode="after")
    def _consistent(self) -> Acceptance:
        _each_once(self.format)
        if self.answer != "match" and "match" in self.model_fields_set:
            raise invalid(
                f"`match` is not used where `answer` is `{self.answer}`",
                "write `answer: match`, or leave `match` out",
                at=("match",),
            )
        return self


Accept = Annotated[Off | Annotated[Acceptance, Tag("<mapping>")], Discriminator(_mapping_or_text)]

Plain = bool | int | float | str


class Keep(Part):
    """What a column of the row says, for a trace to stay."""

    column: ColumnName
    """A column of the row; one that holds a list has a value for each of the responses."""
    is_: Annotated[Plain, Field(alias="is")]
    """The value that it must have: true or false, a number, or text."""

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {"column": self.column, "is": self.is_}


def _as_keeps(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    return [value] if isinstance(value, dict | Keep) else value


Keeps = Annotated[
    Off
    | Annotated[
        Annotated[tuple[Keep, ...], Field(strict=False, min_length=1), BeforeValidator(_as_keeps)],
        Tag("<list>"),
    ],
    Discriminator(lambda value: "<text>" if shape(value) == "<text>" else "<list>"),
]


def _ascending(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise invalid("an end of a range must be a finite number")
    if low > high:
        raise invalid(f"the range [{low}, {high}] is empty", "write the lower end first")


def _condition(value: Any) -> Any:  # noqa: ANN401 what YAML gave
    """Return a condition of `where`: a range as two numbers, or a list of values."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    number = [isinstance(one, int | float) and not isinstance(one, bool) for one in values]
    if isinstance(value, list | tuple) and all(number) and values:
        if len(values) != 2:  # noqa: PLR2004 both ends
            hint = 'a range has two ends: `[3, 6]`; put single values in quotes: `["3", "4", "6"]`'
            raise invalid("this is neither a range nor a list of texts", hint)
        _ascending(*values)
        return tuple(values)
    if not values or not all(isinstance(one, Plain) for one in values) or (any(number) and len(values) > 1):
        hint = 'write a range `[3, 6]`, a value, or a list of texts: `[cardiology, "3"]`'
        raise invalid("this is neither a range nor a list of texts", hint)
    return tuple(values)


Condition = Annotated[Any, BeforeValidator(_condition)]
Where = Annotated[
    Off | Annotated[Annotated[dict[ColumnName, Condition], Field(min_length=1)], Tag("<mapping>")],
    Discriminator(_mapping_or_text),
]


def _range(value: tuple[int, ...]) -> tuple[int, ...]:
    if len(value) != 2:  # noqa: PLR2004 both ends
        raise invalid("a range has two ends", "write `[16, 8192]`, both included")
    _ascending(*value)
    return value


class _Sizes(Part):
    """Ranges of which one at least is written."""

    @model_validator(mode="after")
    def _something(self) -> _Sizes:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if not given - {"ngram"}:
            names = [f"`{name}`" for name in type(self).model_fields if name != "ngram"]
            raise invalid("no threshold is written", "write one of " + ", ".join(names))
        return self


def _range_field(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    whole = isinstance(value, list | tuple) and all(type(one) is int for one in value)
    return _range(tuple(value)) if whole else value


WordRange = Annotated[tuple[Words, ...], Field(strict=False), BeforeValidator(_range_field)]


class Length(_Sizes):
    """How many words a response may have; both ends are included."""

    reasoning_words: WordRange | None = None
    """Least and most words of the reasoning."""
    response_words: WordRange | None = None
    """Least and most words of reasoning and answer together."""


class Repetition(_Sizes):
    """How much of a response may repeat itself."""

    ngram: Annotated[int, Field(ge=1, le=64)] = 10
    """Words of an n-gram."""
    max_ngram_share: Share | None = None
    """Largest share of n-grams that repeat an earlier one."""
    max_line_share: Share | None = None
    """Largest share of lines that repeat an earlier one."""
    max_loop_words: Words | None = None
    """Most words of a loop at the end."""


class Language(Part):
    """Which script the letters of a response must be of."""

    script: Literal[
        "latin", "greek", "cyrillic", "armenian", "hebrew", "arabic", "devanagari", "bengali", "tamil",
        "telugu", "thai", "georgian", "ethiopic", "han", "kana", "hangul", "cjk",
    ]  # fmt: skip
    """Name of the script; `cjk` is Han, kana and Hangul together."""
    min_share: Share = 0.9
    """Least share of the letters."""


class Identifying(Part):
    """What becomes of data that tell who somebody is."""

    kinds: Annotated[tuple[Kind, ...], Field(strict=False, min_length=1)] = KINDS
    """Which kinds are looked for."""
    action: Literal["reject", "mask", "report"] = "reject"
    """Whether the trace goes, its texts are masked before they are rendered, or it is only counted."""

    @model_validator(mode="after")
    def _once(self) -> Identifying:
        _each_once(self.kinds)
        return self


class Filters(Sparse):
    """Which responses pass, by what they are; of a group or a source, otherwise than `curate` says."""

    only_written: ClassVar[frozenset[str]] = frozenset(
        {
            "accept", "keep", "where", "length", "repetition", "unfinished", "refusals", "empty_reasoning",
            "markup", "language", "identifying", "near_scope",
        }
    )  # fmt: skip

    accept: Accept | None = None
    """Which responses are accepted by their answer."""
    keep: Keeps | None = None
    """Values that columns of the row must have."""
    where: Where | None = None
    """Ranges or values of columns, or of what is measured, that must hold."""
    length: Annotated[Off | Annotated[Length, Tag("<mapping>")], Discriminator(_mapping_or_text)] | None = (
        None
    )
    """How many words a response may have."""
    repetition: (
        Annotated[Off | Annotated[Repetition, Tag("<mapping>")], Discriminator(_mapping_or_text)] | None
    ) = None
    """How much of a response may repeat itself."""
    unfinished: Switch | None = None
    """What becomes of responses that end before they are finished."""
    refusals: Switch | None = None
    """What becomes of responses that refuse to answer."""
    empty_reasoning: Switch | None = None
    """What becomes of responses with marks of reasoning around nothing."""
    markup: Switch | None = None
    """What becomes of responses whose marks of reasoning and answer do not belong together."""
    language: (
        Annotated[Off | Annotated[Language, Tag("<mapping>")], Discriminator(_mapping_or_text)] | None
    ) = None
    """Which script the letters of a response must be of."""
    identifying: (
        Annotated[Off | Annotated[Identifying, Tag("<mapping>")], Discriminator(_mapping_or_text)] | None
    ) = None
    """What becomes of data that tell who somebody is."""

    @model_validator(mode="after")
    def _measured(self) -> Filters:
        conditions = self.where if isinstance(self.where, dict) else {}
        for name, values in conditions.items():
            if name in MEASURED and not all(type(one) in {int, float} for one in values):
                raise invalid(f"`{name}` is a number", "write a range: `[16, 8192]`", at=("where", name))
        return self

    def over(self, other: Filters) -> Filters:
        """Return these filters, with those of another where a key is not written here."""
        own = {name: getattr(self, name) for name in Filters.model_fields}
        return Filters.model_construct(
            **{name: getattr(other, name, None) if value is None else value for name, value in own.items()}
        )


FILTER_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    ("accept",): Acceptance,
    ("accept", "match"): TokenF1,
    ("keep",): Keep,
    ("length",): Length,
    ("repetition",): Repetition,
    ("language",): Language,
    ("identifying",): Identifying,
}
"""The typed models of filters that are mappings, by the names that lead to them."""
