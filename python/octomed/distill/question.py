"""A row that is asked, and one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.names import shown

if TYPE_CHECKING:
    from octomed import _octomed


@dataclass(frozen=True)
class Refused:
    """A row that is not asked.

    Attributes
    ----------
    place
        Source, file and row, in words.
    reason, detail
        Why, by the names that rejects have.
    """

    place: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Question:
    """A row that is asked.

    Attributes
    ----------
    source, file, row
        Where it is: the source's name, the path below its root, and the row's number in it, from 0.
    row_values
        The question as `_octomed.question_rows` gives it: turns, images, options and the right answer.
    """

    source: str
    file: str
    row: int
    row_values: _octomed.QuestionRow

    @property
    def place(self) -> str:
        """Source, file and row, in words."""
        return f"{self.source}/{shown(self.file)} row {self.row}"
