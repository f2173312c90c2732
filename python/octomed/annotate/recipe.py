"""From a YAML file to typed annotations, or to the list of all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.annotate.schema import MODELS, Annotating
from octomed.distill.recipe import UNUSED, RecipeKind, load_asking

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from octomed.recipe.schema import Recipe


@dataclass(frozen=True)
class AnnotateRecipe:
    """Annotations, ready to run.

    Attributes
    ----------
    asked : Recipe
        Where rows come from, and how they are asked.
    settings : Annotating
        The columns, and whom to ask.
    """

    asked: Recipe
    settings: Annotating

    @property
    def output(self) -> Path:
        """The folder of answers and of filled copies."""
        return Path(self.asked.output.path)


def load_annotate_recipe(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> AnnotateRecipe:
    """Read a recipe of annotations.

    Parameters
    ----------
    path : path
        A YAML 1.2 file. Relative paths in it start at its folder.
    overrides : sequence of str
        `limits.concurrency=4` and the like, put over the file's values in their order.

    Raises
    ------
    RecipeProblems
        With everything that is wrong, each with file, line and column, and a hint.

    Examples
    --------
    >>> import json, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"question": "Fever?", "answer": "Rest"}')
    >>> values = {
    ...     "name": "example",
    ...     "sources": [{"name": "rows", "path": "rows.jsonl", "format": "octomed"}],
    ...     "teacher": {"endpoint": "http://localhost:8000/v1", "model": "small"},
    ...     "annotate": {"column": "difficulty", "values": [1, 10]},
    ...     "output": {"path": "annotated"},
    ... }
    >>> _ = (folder / "annotate.yaml").write_text(json.dumps(values))  # YAML takes JSON
    >>> load_annotate_recipe(folder / "annotate.yaml").settings.annotate[0].values
    (1, 10)
    """
    kind = RecipeKind("a recipe of annotations", Annotating, MODELS, UNUSED | {"curate"})
    return AnnotateRecipe(*load_asking(path, overrides, kind))
