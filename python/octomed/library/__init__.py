"""Finished runs and recipes as Python values: for notebooks, and for whoever builds on a run.

What `octomed.Run` returns is named here, for annotations.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octomed.library.packs import Document, Pack, Piece
    from octomed.library.rows import Rows

_HOMES = {
    "Document": "octomed.library.packs",
    "Pack": "octomed.library.packs",
    "Piece": "octomed.library.packs",
    "Rows": "octomed.library.rows",
}

__all__ = ["Document", "Pack", "Piece", "Rows"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 the type is that of the name
    """Import a name when it is first used: a recipe needs no Arrow."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module `octomed.library` has no attribute `{name}`")
