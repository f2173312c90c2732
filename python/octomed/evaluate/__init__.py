"""A model on benchmarks: asked as training rendered questions, scored as packing accepts answers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octomed.evaluate.recipe import EvaluationRecipe, load_evaluation_recipe
    from octomed.evaluate.results import Results
    from octomed.evaluate.run import evaluate

__all__ = ["EvaluationRecipe", "Results", "evaluate", "load_evaluation_recipe"]

_PLACES = {
    "EvaluationRecipe": "recipe",
    "Results": "results",
    "evaluate": "run",
    "load_evaluation_recipe": "recipe",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 a function or a class
    """Load what is asked for: a model in a folder wants PyTorch, and an endpoint does not."""
    if name not in _PLACES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
