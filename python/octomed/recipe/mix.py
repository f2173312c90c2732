"""The recipe's keys that choose among accepted traces: which stay, how often, and which are for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part
from octomed.recipe.problems import suggest
from octomed.recipe.values import Name

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_EPOCHS = 64
"""Copies of a trace that one run may hold."""

_MOST_TRACES = 2**31 - 1


def is_left_out(value: object) -> bool:
    """Tell whether a key was not written: it is in no dump then, and a recipe without it has the key it had."""
    return value is None or value == ()


def _as_keep(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    """Return the mapping that a number stands for."""
    return {"keep": value} if isinstance(value, int) and not isinstance(value, bool) else value


class KeepTraces(Part):
    """How many traces of a question stay."""

    keep: Annotated[int, Field(ge=1, le=_MOST_TRACES)]
    """How many, at most."""
    by: Literal["first", "random", "shortest", "longest"] = "random"
    """Which: the first in source order, a draw by `pack.seed`, those of the fewest tokens, or of the most."""


TracesPerQuestion = Annotated[
    KeepTraces | None, BeforeValidator(_as_keep, json_schema_input_type=int | KeepTraces | None)
]


def _as_epochs(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    """Return the mapping that a number stands for."""
    return {"epochs": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class GroupMix(Part):
    """How often a group is trained on."""

    epochs: Annotated[float, Field(ge=0.0, le=MOST_EPOCHS, allow_inf_nan=False)] = 1.0
    """Epochs of it in one run: 0.5 is a half of its questions, 2 all of them twice, 0 none."""
    max_examples: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    """Traces of it at most, in whole questions, before any is repeated."""

    @property
    def is_plain(self) -> bool:
        """Whether it changes nothing: every trace once."""
        return self.epochs == 1.0 and self.max_examples is None


Mix = dict[
    Name,
    Annotated[GroupMix, BeforeValidator(_as_epochs, json_schema_input_type=float | GroupMix)],
]


class Validation(Part):
    """What is kept out of training, as a stream of its own."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Share of the questions, drawn by `pack.seed` with all that belongs to each."""
    by: Literal["question"] = "question"
    """What is never parted: a question, with those that show the same picture."""


def check_groups(mix: Mix, groups: Iterable[str | None]) -> None:
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
    for name in mix:
        if name not in known:
            hint = suggest(name, known, kind="groups") if known else "give sources a `group`"
            raise invalid(f"no source is in the group `{name}`", hint, at=("mix", name))
