"""What a recipe of annotations has besides the keys of a packing recipe: columns, values, and whom to ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from octomed.distill.schema import ASKING, Asking
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part

if TYPE_CHECKING:
    from typing_extensions import Self

_BOTH_ENDS = 2
_SHORT = 12
"""Words of a reply in which a value that is named beside others' words is still the answer."""
_DENIED = re.compile(r"\b(?:not?|nor|neither|cannot|never|unsure|unclear)\b|n['\u2019]t\b", re.IGNORECASE)
_REASONING = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OUT_OF = re.compile(r"(-?\d{1,9})[\s*_`]*(?:/|out of)\s*(\d{1,9})", re.IGNORECASE)
_MARKS = "*_`\"'\u201c\u201d\u2018\u2019()[]{}<>.,;:! \t\r\n"
_LEAD = re.compile(r"^(?:final\s+)?answer\s*(?::|is)\s*", re.IGNORECASE)

Value = str | int


def _listed(values: object) -> object:
    """Refuse what is no list of texts and whole numbers: of `yes` and `1.5`, say, no reply is told."""
    items = values if isinstance(values, list | tuple) else ()
    if len(items) < _BOTH_ENDS or any(
        isinstance(one, bool) or not isinstance(one, str | int) for one in items
    ):
        message = "`values` are two texts or more, or two whole numbers as a range"
        raise invalid(
            message, "write `[ct, mri]`, or `[1, 10]`; quote `yes`, `no` and numbers that are texts"
        )
    return tuple(items)


class Annotation(Part):
    """A column that is filled."""

    column: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
    """Its name; rows in which it has a value are left as they are."""
    values: Annotated[tuple[Value, ...], BeforeValidator(_listed)]
    """What it may hold: texts, or two whole numbers as the ends of a range, both included."""
    question: Annotated[str, Field(min_length=1)] | None = None
    """What is asked behind the row's question; a sentence about `column` and `values` if left out."""

    @model_validator(mode="after")
    def _are_values(self) -> Self:
        numbers = [value for value in self.values if isinstance(value, int)]
        if numbers and (len(numbers) != len(self.values) or len(numbers) != _BOTH_ENDS):
            message = "`values` are texts, or two whole numbers as a range"
            raise invalid(message, "write `[ct, mri]`, or `[1, 10]`", at=("values",))
        if numbers and numbers[0] >= numbers[1]:
            raise invalid("the range ends before it begins", "write `[1, 10]`", at=("values",))
        folded = [_folded(str(value)) for value in self.values]
        if not all(folded) or len(set(folded)) < len(folded):
            message = "two of `values` are alike, or one is empty"
            raise invalid(message, "case and marks around a value make no difference", at=("values",))
        return self

    @property
    def is_number(self) -> bool:
        """Whether it holds whole numbers."""
        return isinstance(self.values[0], int)

    @property
    def asked(self) -> str:
        """What is asked, behind the row's question."""
        if self.question is not None:
            return self.question
        name = self.column.replace("_", " ")
        if self.is_number:
            low, high = self.values
            return (
                f"How high is the {name} of this question, from {low} to {high}? "
                "Do not answer the question itself. Reply with one whole number and nothing else."
            )
        listed = ", ".join(map(str, self.values))
        return (
            f"What is the {name} of this question? Do not answer the question itself. "
            f"Reply with one of these and nothing else: {listed}."
        )

    def value_of(self, reply: str) -> Value | None:
        """Return the value that a reply names; None where it names none, several, or denies one.

        Parameters
        ----------
        reply
            Its text.

        Examples
        --------
        >>> kinds = Annotation(column="modality", values=("CT", "MRI"))
        >>> kinds.value_of("**ct**."), kinds.value_of("It is an MRI scan."), kinds.value_of("CT or MRI")
        ('CT', 'MRI', None)
        >>> Annotation(column="difficulty", values=(1, 10)).value_of("Difficulty: 7/10")
        7
        """
        text = _REASONING.sub("", reply).strip()
        return self._number(text) if self.is_number else self._named(text)

    def _number(self, text: str) -> int | None:
        low, high = int(self.values[0]), int(self.values[1])
        text = _OUT_OF.sub(lambda found: found[1] if int(found[2]) == high else found[0], text)
        found = {int(one) for one in re.findall(r"(?<![\d.,])-?\d{1,9}(?![\d]|[.,]\d)", text)}
        others = re.search(r"\d[.,]\d|\d{10}", text)
        number = found.pop() if len(found) == 1 and others is None else None
        short = len(text.split()) <= _SHORT and not _DENIED.search(text)
        return number if number is not None and short and low <= number <= high else None

    def _named(self, text: str) -> str | None:
        by_folded = {_folded(str(value)): str(value) for value in self.values}
        exact = by_folded.get(_folded(text))
        if exact is not None:
            return exact
        if len(text.split()) > _SHORT or _DENIED.search(text):
            return None
        longest = sorted(by_folded, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest))
        found = set(re.findall(rf"(?<!\w)(?:{pattern})(?!\w)", text.casefold()))
        return by_folded[found.pop()] if len(found) == 1 else None


def _folded(text: str) -> str:
    """Return a text without case, white space and marks around it, and what leads to an answer."""
    return _LEAD.sub("", text.strip(_MARKS)).strip(_MARKS).casefold()


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict | Annotation) else value


class Annotating(Asking):
    """The keys of a recipe of annotations, besides those of a packing recipe."""

    annotate: Annotated[tuple[Annotation, ...], BeforeValidator(_as_list), Field(strict=False, min_length=1)]
    """The column that is filled, or a list of columns."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [one.column for one in self.annotate]
        if len(set(names)) < len(names):
            raise invalid("a column is filled once", "write each `column` once", at=("annotate",))
        if self.teacher.several or self.teacher.seeds:
            message = "a row is asked once: `several` and `seeds` are of distillations"
            raise invalid(message, "leave them out", at=("teacher",))
        return self


MODELS: dict[tuple[str, ...], type[BaseModel]] = {(): Annotating, **ASKING, ("annotate",): Annotation}
"""The typed models of the mappings, by the names that lead to them."""
