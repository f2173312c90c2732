"""Which built-in row format suits columns that the recipe's own does not."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.recipe.presets import load_preset, preset_names
from octomed.report.samples import NearFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_MISSING = 1
"""A format that lacks more of its columns is not near."""


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
