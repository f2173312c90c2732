"""A model evaluated on benchmarks: asked as training rendered questions, scored as packing accepts answers."""

from octomed.evaluate.recipe import EvaluationRecipe, load_evaluation_recipe
from octomed.evaluate.run import evaluate

__all__ = ["EvaluationRecipe", "evaluate", "load_evaluation_recipe"]
