"""The recipe's section `curate`: which traces stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from octomed import _octomed
from octomed.recipe.filters import ColumnName, Filters, Share, shape
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part, Sparse
from octomed.recipe.path_values import SourcePaths, as_list
from octomed.recipe.presets import load_preset, preset_names
from octomed.recipe.problems import suggest
from octomed.recipe.values import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 2**32 - 1
_NOT_OF_ROWS = ("preset", "image_root")
Count = Annotated[int, Field(ge=1, le=_MOST)]


def _mapping_or_other(value: Any) -> str:  # noqa: ANN401 what YAML gave
    return "<mapping>" if shape(value) == "<mapping>" else "<text>"


class Near(Part):
    """Traces that nearly equal an earlier one, found by MinHash and confirmed on their texts."""

    action: Literal["report", "drop"] = "report"
    """Whether they are only listed, or dropped."""
    ngram: Annotated[int, Field(ge=1, le=64)] = 5
    """Words of a shingle."""
    bands: Annotated[int, Field(ge=1, le=256)] = 20
    """Bands of the signature."""
    rows: Annotated[int, Field(ge=1, le=64)] = 6
    """Rows of a band."""
    threshold: Annotated[float, Field(gt=0.0, le=1.0, strict=False)] = 0.8
    """Least Jaccard similarity to the trace that stays."""
    scope: Literal["question", "all"] = "all"
    """Whether traces of other questions are compared, too."""
    keep: Literal["first", "longest", "shortest"] = "first"
    """Which trace of a cluster stays."""


class Duplicates(Sparse):
    """Which copies are dropped."""

    only_written: ClassVar[frozenset[str]] = frozenset({"near"})

    exact: bool = True
    """Drop a trace that equals an earlier one in all its text and its images."""
    images: Literal["off", "report"] = "off"
    """Whether images are listed that occur under several sources or names; none is dropped."""
    near: Near | None = None
    """What becomes of traces that nearly equal another; not looked for if left out."""


def _question_format(value: Any) -> Any:  # noqa: ANN401 what YAML gave
    name = value.get("preset") if isinstance(value, dict) else value
    if name is not None and name not in preset_names():
        raise invalid(f"unknown row format `{name}`", suggest(str(name), preset_names(), kind="formats"))
    if isinstance(value, dict) and (
        own := {key: one for key, one in value.items() if key not in _NOT_OF_ROWS}
    ):
        found = _octomed.Mapping.fault_of_keys(
            {"response": "response", **(load_preset(name) if name else {}), **own}
        )
        if found is not None:
            raise invalid(found[0], found[1])
    return value


class EvaluationSet(Part):
    """Files of an evaluation set."""

    path: SourcePaths
    """Files, folders or globs, in a store too."""
    format: Annotated[str | dict[str, Any] | None, BeforeValidator(_question_format)] = None
    """Its row format, a name or a mapping: only the question is read; found by its columns if left out."""
    name: Name | None = None
    """What it is called in reports; without one each file is a set of its own, called by its name."""

    @property
    def image_roots(self) -> tuple[str, ...]:
        """Folders and archives in which its rows' paths of images are looked up, in this order."""
        root = self.format.get("image_root") if isinstance(self.format, dict) else None
        return tuple(as_list(root)) if root else ()


def _as_sets(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    values = value if isinstance(value, list | tuple) else [value]
    return [{"path": one} if isinstance(one, str) else one for one in values]


class Coverage(Part):
    """A question is contaminated by how much of an evaluation question it holds."""

    coverage: Annotated[float, Field(gt=0.0, lt=1.0, strict=False)]
    """Share of the evaluation question's words that shared n-grams may cover: more is too much."""


class Decontaminate(Part):
    """Which questions leave because an evaluation set has them."""

    against: Annotated[
        tuple[EvaluationSet, ...], Field(strict=False, min_length=1), BeforeValidator(_as_sets)
    ]
    """Evaluation sets: files, or `{path, format, name}`."""
    ngram: Annotated[int, Field(ge=1, le=64)] = 16
    """Words of an n-gram."""
    rule: Annotated[
        Annotated[Literal["any"], Tag("<text>")] | Annotated[Coverage, Tag("<mapping>")],
        Discriminator(_mapping_or_other),
    ] = "any"
    """Whether one shared n-gram is enough, or n-grams have to cover a share of the evaluation question."""
    templates: Literal["ignore", "keep"] = "ignore"
    """Whether n-grams that many questions share count."""
    images: Literal["off", "pixels", "bytes"] = "pixels"
    """How pictures are compared: not at all, by their upright pixels, or by the bytes of their files."""
    near_images: Literal["off", "report", "drop"] = "report"
    """What becomes of pictures that nearly equal one of an evaluation set."""
    allow_loss: dict[Name, Share] = Field(default={})
    """Largest share of its questions that a source may lose, where that is more than a fifth."""

    @model_validator(mode="after")
    def _near_are_decoded(self) -> Decontaminate:
        if self.images != "pixels" and "near_images" in self.model_fields_set and self.near_images != "off":
            raise invalid(
                "near pictures are found among those that are compared by pixels",
                "set `images: pixels`, or `near_images: off`",
                at=("near_images",),
            )
        return self

    @property
    def looks_for_near(self) -> bool:
        """Whether pictures get a hash of their gradients, by which near ones are found."""
        return self.images == "pixels" and self.near_images != "off"


Bounds = Annotated[tuple[Share, ...], Field(strict=False)]


def _bounds(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    if not isinstance(value, list | tuple) or not all(type(one) in {int, float} for one in value):
        return value
    if len(value) != 2 or value[0] > value[1]:  # noqa: PLR2004 both ends
        raise invalid("a pass rate has a least and a most", "write `[0.125, 0.875]`, both included")
    return value


class PassRateFrom(Part):
    """Pass rates of another model's responses."""

    range: Annotated[Bounds, BeforeValidator(_bounds)]
    """Least and most share of right responses, both included."""
    from_: Annotated[SourcePaths | None, Field(alias="from")] = None
    """Files with the other model's responses, by question."""


PassRate = Annotated[
    Annotated[Bounds, BeforeValidator(_bounds), Tag("<list>")] | Annotated[PassRateFrom, Tag("<mapping>")],
    Discriminator(lambda value: "<mapping>" if shape(value) == "<mapping>" else "<list>"),
]


class TracesKept(Part):
    """How many traces of a question stay, and which."""

    keep: Count
    """Traces of a question at most."""
    by: Literal["first", "random", "shortest", "longest", "diverse"] = "first"
    """Which: the first in source order, a draw, those of fewest or most tokens, or with least in common."""


TracesPerQuestion = Annotated[
    Annotated[Count, Tag("<text>")] | Annotated[TracesKept, Tag("<mapping>")],
    Discriminator(_mapping_or_other),
]


class Stratify(Part):
    """How questions of sources with classes are drawn."""

    sources: Annotated[tuple[Name, ...], Field(strict=False, min_length=1), BeforeValidator(as_list)]
    """Names of the sources."""
    by: ColumnName = "answer"
    """What the class of a question is: `answer` for its right option's text, or a column."""
    per_class: Annotated[
        Annotated[Literal["min"] | Count, Tag("<text>")] | Annotated[dict[str, Count], Tag("<mapping>")],
        Discriminator(_mapping_or_other),
    ] = "min"
    """Questions of a class: as many as the smallest has, a number, or a number for each."""
    repeat: bool = False
    """Whether a class with fewer gets some more than once, in different packs."""

    @model_validator(mode="after")
    def _repeats_to_a_number(self) -> Stratify:
        if self.repeat and self.per_class == "min":
            message = "`repeat` makes classes as large as `per_class`, and with `min` none is smaller"
            raise invalid(message, "write a number, or leave `repeat` out", at=("repeat",))
        return self


class GroupFilters(Filters):
    """What a group has otherwise than `curate`."""

    near_scope: Literal["question", "all"] | None = None
    """Whether near duplicates are looked for beyond a question."""


class Curate(Filters):
    """Which traces stay."""

    only_written: ClassVar[frozenset[str]] = Filters.only_written | {
        "decontaminate", "exclude", "pass_rate", "traces_per_question", "stratify", "groups",
    }  # fmt: skip

    duplicates: Duplicates = Duplicates()
    """Which copies are dropped."""
    over_long: Literal["reject", "error"] = "reject"
    """What becomes of a trace longer than the capacity; it is never cut."""
    decontaminate: Decontaminate | None = None
    """Which questions leave because an evaluation set has them."""
    exclude: SourcePaths | None = None
    """Files with what is left out, a line each: ids of traces, `source:file:row`, hashes of images."""
    pass_rate: PassRate | None = None
    """Least and most share of right responses of a question that stays, both included."""
    traces_per_question: TracesPerQuestion | None = None
    """How many traces of a question stay: a number, or `keep` and `by`."""
    stratify: Stratify | None = None
    """How questions of some sources are drawn class by class."""
    groups: dict[Name, GroupFilters] | None = None
    """What groups of sources have otherwise: the filters by the group's name."""

    @property
    def paths(self) -> list[str]:
        """Files and addresses of the lists, evaluation sets and responses that its rules read."""
        sets = () if self.decontaminate is None else self.decontaminate.against
        rated: tuple[str, ...] = getattr(self.pass_rate, "from_", None) or ()
        return [*(path for one in sets for path in one.path), *(self.exclude or ()), *rated]


class GroupMix(Part):
    """How much of a group is packed."""

    epochs: Annotated[float, Field(ge=0.0, le=64.0)] = 1.0
    """Epochs of it in one run: 0.5 is a half of its questions, 2 all of them twice, 0 none."""
    max_examples: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    """Traces of the group at most, in whole questions, before any is repeated."""

    @property
    def is_plain(self) -> bool:
        """Whether it changes nothing: every trace once."""
        return self.epochs == 1.0 and self.max_examples is None


def _as_mix(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"epochs": value} if is_number else value


Mix = Annotated[dict[Name, Annotated[GroupMix, BeforeValidator(_as_mix)]], Field(min_length=1)]


def check_sources(stratify: Stratify | None, sources: Iterable[str]) -> None:
    """Refuse classes of a source that the recipe does not have.

    Parameters
    ----------
    stratify
        As the recipe has it.
    sources
        Names of the sources.

    Raises
    ------
    PydanticCustomError
        When one is unknown.
    """
    known = list(sources)
    for name in stratify.sources if stratify is not None else ():
        if name not in known:
            hint = suggest(name, known, kind="sources")
            raise invalid(f"there is no source `{name}`", hint, at=("curate", "stratify", "sources"))


def check_groups(mix: dict[str, GroupMix] | None, groups: Iterable[str | None]) -> None:
    """Refuse a group that no source is in.

    Parameters
    ----------
    mix
        As the recipe has it.
    groups
        Of the sources.

    Raises
    ------
    PydanticCustomError
        When one is unknown.
    """
    known = sorted({group for group in groups if group is not None})
    for name in mix or {}:
        if name not in known:
            hint = suggest(name, known, kind="groups") if known else "give sources a `group`"
            raise invalid(f"no source is in the group `{name}`", hint, at=("mix", name))


class Validation(Part):
    """What is held out as a stream of its own."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Share of the questions."""
    by: Literal["question"] = "question"
    """What is drawn."""
    group: ColumnName | None = None
    """A column whose equal values stay together: a patient's number."""


class Report(Sparse):
    """What a run says of itself: `report.html`, and the dataset card `README.md`."""

    only_written: ClassVar[frozenset[str]] = frozenset({"write"})

    samples: bool = True
    """Whether texts of rows are in the report."""
    write: bool | None = None
    """Whether `octomed pack` writes both at its end; true by default."""
