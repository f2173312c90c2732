"""Where a list goes on: a place in a run's tables, or in its packs, as a link has it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from octomed.errors import RecipeError
from octomed.names import shown

_FORM = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,12})")


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in a list of tables.

    Attributes
    ----------
    table
        Number of the table; of packs that of the stream.
    group
        Row group in it; of packs 0.
    row
        Row in the group; of packs the pack.

    Examples
    --------
    >>> str(Cursor(1, 0, 250))
    '1.0.250'
    """

    table: int = 0
    group: int = 0
    row: int = 0

    def __str__(self) -> str:
        return f"{self.table}.{self.group}.{self.row}"

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Read what a link says; nothing is the beginning.

        Raises
        ------
        RecipeError
            When it is none of our links.

        Examples
        --------
        >>> Cursor.read("1.0.250").row
        250
        """
        if not text:
            return cls()
        found = _FORM.fullmatch(text)
        if found is None:
            raise RecipeError(f"`{shown(text)}` is no place in a list", "begin at its first page")
        return cls(*map(int, found.groups()))
