"""Which built-in row format suits columns that the recipe's own does not."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.recipe.formats import load_preset, preset_names

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_MISSING = 1
"""A format that lacks more of its columns is not near."""


@dataclass(frozen=True)
class NearFormat:
    """A built-in row format, and what columns lack for it.

    Attributes
    ----------
    name
        Its name.
    missing
        Its required columns that there are none of.
    """

    name: str
    missing: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether all required columns are there."""
        return not self.missing

    def __str__(self) -> str:
        wanted = ", ".join(f"`{column}`" for column in self.missing)
        return f"`{self.name}`" if self.fits else f"`{self.name}` (but for {wanted})"


@functools.cache
def _mappings() -> dict[str, _octomed.Mapping]:
    return {name: _octomed.Mapping(load_preset(name)) for name in preset_names()}


def near_formats(columns: Sequence[str], *, but: str | None = None) -> tuple[NearFormat, ...]:
    """Return the built-in formats that suit these columns, or else those that all but do.

    Parameters
    ----------
    columns
        Columns of a file, or keys of its rows.
    but
        The format that the recipe names, which is known not to suit.
    """
    found = []
    for name, mapping in _mappings().items():
        missing, required, _ = _octomed.mapped_columns(mapping, list(columns))
        if name != but and len(missing) <= _MOST_MISSING and len(missing) < required:
            found.append(NearFormat(name, tuple(missing)))
    fewest = min((len(one.missing) for one in found), default=0)
    return tuple(one for one in found if len(one.missing) == fewest)
