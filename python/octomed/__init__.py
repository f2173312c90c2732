"""OctoMed: reasoning traces in, packed MDS shards out.

The whole of ``octomed pack`` is here as functions and classes; each part also works alone.

>>> import octomed
>>> packs = octomed.pack_lengths([700, 300, 600, 400], capacity=1000)
>>> len(packs)
2
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octomed import answers as answers
    from octomed.library.recipe import Recipe, load_recipe
    from octomed.library.run import Run
    from octomed.mds import MDSReader, MDSWriter
    from octomed.packing import pack_lengths
    from octomed.pipeline.api import check, pack, plan, verify
    from octomed.pipeline.calls.filters import Filter
    from octomed.pipeline.cluster.ray_executor import RayExecutor
    from octomed.pipeline.models.tokenizer import Tokenizer

_HOMES = {
    "Filter": "octomed.pipeline.calls.filters",
    "MDSReader": "octomed.mds",
    "MDSWriter": "octomed.mds",
    "RayExecutor": "octomed.pipeline.cluster.ray_executor",
    "Recipe": "octomed.library.recipe",
    "Run": "octomed.library.run",
    "Tokenizer": "octomed.pipeline.models.tokenizer",
    "check": "octomed.pipeline.api",
    "load_recipe": "octomed.library.recipe",
    "pack": "octomed.pipeline.api",
    "pack_lengths": "octomed.packing",
    "plan": "octomed.pipeline.api",
    "verify": "octomed.pipeline.api",
}

__all__ = [
    "Filter",
    "MDSReader",
    "MDSWriter",
    "RayExecutor",
    "Recipe",
    "Run",
    "Tokenizer",
    "__version__",
    "check",
    "load_recipe",
    "pack",
    "pack_lengths",
    "plan",
    "verify",
]


def __dir__() -> list[str]:
    """List the public names, those not imported yet too."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:  # noqa: ANN401 the type is that of the name
    """Import a public name when it is first used: a tool that only reads recipes loads no Arrow."""
    if name == "__version__":
        return importlib.import_module("octomed._octomed").__version__
    if name == "answers":
        return importlib.import_module("octomed.answers")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module `octomed` has no attribute `{name}`")
