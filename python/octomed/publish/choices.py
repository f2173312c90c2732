"""What of a run is published unless somebody asks for more."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable

INCLUDED = {
    "identifying": "packs with traces that were flagged for identifying data, and are in them all the same",
    "machine": "time, speed, memory and versions of the machine that packed",
    "paths": "names of the sources' files, in the recipe, in provenance and in rejects",
    "rejects": "the tables of what was left out: reasons and rows, no texts",
    "reports": "the tables of what rules found, with texts and pictures of the data, and names of files",
    "texts": "samples of texts in `report.html`",
}
"""What `--include` names: each is left out otherwise."""


def included(names: Iterable[str]) -> frozenset[str]:
    """Return what is asked for besides.

    Parameters
    ----------
    names
        As the user wrote them, commas between some of them or not.

    Raises
    ------
    RecipeError
        For a name that is none.

    Examples
    --------
    >>> sorted(included(["rejects,paths", "machine"]))
    ['machine', 'paths', 'rejects']
    """
    found = {word.strip() for name in names for word in name.split(",") if word.strip()}
    for name in sorted(found - INCLUDED.keys()):
        near = difflib.get_close_matches(name, INCLUDED, n=1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        known = ", ".join(f"`{one}`" for one in INCLUDED)
        raise RecipeError(f"`--include {name}` is nothing that could be included", f"{hint}there are {known}")
    return frozenset(found)
