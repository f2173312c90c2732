"""A finished run as batches: streamed shards, packs to tensors.

``PackedDataset`` and ``Collator`` have an example each; docs/stream.md shows them together.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from octomed.stream.collator import Collator
    from octomed.stream.counts import EpochCounts
    from octomed.stream.dataset import PackedDataset
    from octomed.stream.pixels import pixel_values
    from octomed.stream.run import Run, open_run

_HOMES = {
    "Collator": "octomed.stream.collator",
    "EpochCounts": "octomed.stream.counts",
    "PackedDataset": "octomed.stream.dataset",
    "Run": "octomed.stream.run",
    "open_run": "octomed.stream.run",
    "pixel_values": "octomed.stream.pixels",
}

__all__ = ["Collator", "EpochCounts", "PackedDataset", "Run", "open_run", "pixel_values"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 the type is that of the name
    """Import a name when it is first used: reading what a run holds needs no PyTorch."""
    if name not in _HOMES:
        raise AttributeError(f"module `octomed.stream` has no attribute `{name}`")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name in {"torch", "streaming"}:
            message = f"`octomed.stream.{name}` needs the package `{error.name}`, which is not installed"
            raise RecipeError(message, "`pip install '.[train]'` in OctoMed's folder") from error
        raise
