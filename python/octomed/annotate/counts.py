"""What a run of annotations has done, and what it is told to people as."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.distill.counts import Counts
from octomed.report import units

if TYPE_CHECKING:
    from octomed.distill.schema import Asking

_NAMED = 20


@dataclass
class AnnotationCounts(Counts):
    """Sums of a run; `questions` are rows.

    Attributes
    ----------
    present
        Rows that had a value, by column.
    outside
        Questions whose answers were both outside of the values, by column.
    filled
        Rows that got a value in the copies, by column and value.
    left_null
        Rows that got none, by column.
    unreadable
        Rows that are in no copy.
    written
        The copies, below the output.
    """

    present: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    left_null: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    written: list[str] = field(default_factory=list)

    def words(self, settings: Asking) -> list[str]:
        """Return the line of figures, the most wanted first."""
        rows, *others = super().words(settings)
        return [rows.replace("questions", "rows"), *(one.replace("samples", "answers") for one in others)]

    def lines(self, settings: Asking) -> list[str]:
        """Return the summary, a line a thing."""
        found = [one.replace("samples", "answers") for one in super().lines(settings)]
        for what, counter in (
            ("values stood in the rows before, and are left as they are", self.present),
            ("questions were answered outside of the values twice, and get none", self.outside),
            ("values are missing in the copies (null)", self.left_null),
            ("values were filled in", self.filled),
        ):
            if counter:
                each = ", ".join(f"{name} {units.count(one)}" for name, one in counter.most_common(_NAMED))
                found.append(f"{units.count(counter.total())} {what}: {each}")
        if self.unreadable:
            found.append(f"{units.count(self.unreadable)} rows cannot be read, and are in no copy")
        return found
