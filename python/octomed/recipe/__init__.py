"""The typed recipe: its schema, its loader, and the files that it names."""

from __future__ import annotations

from octomed.recipe.curate import Curate, Duplicates
from octomed.recipe.input_file import InputFile, Inputs, LeftOut
from octomed.recipe.inputs import find_inputs, resolve_inputs
from octomed.recipe.loader import load_recipe
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.schema import Output, Pack, Recipe, Source, Work, schema_json

__all__ = [
    "Curate",
    "Duplicates",
    "InputFile",
    "Inputs",
    "LeftOut",
    "Output",
    "Pack",
    "Place",
    "Problem",
    "Recipe",
    "RecipeProblems",
    "Source",
    "Work",
    "find_inputs",
    "load_recipe",
    "resolve_inputs",
    "schema_json",
]
