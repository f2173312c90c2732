"""From a YAML file to a typed distillation, or to the list of all that is wrong with it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from octomed.commands import in_python
from octomed.distill.asked_rows import STUDENT, with_response
from octomed.distill.one_source import keep_one_source
from octomed.distill.schema import MODELS, Asking, Distillation
from octomed.recipe.explain import problems_of
from octomed.recipe.loader import recipe_of
from octomed.recipe.overrides import apply_overrides
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.yaml_file import read_document
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from octomed.recipe.document import Document
    from octomed.recipe.schema import Recipe

Settings = TypeVar("Settings", bound=Asking)

UNUSED = frozenset({"pack", "mix", "validation", "target", "report", "supervise"})
"""Keys of a packing recipe that say nothing of questions and of single samples."""


@dataclass(frozen=True)
class DistillRecipe:
    """A distillation, ready to run.

    Attributes
    ----------
    asked : Recipe
        Where questions come from, how they are asked, and which samples are accepted: the keys that it shares
        with a packing recipe.
    settings : Distillation
        The teacher, samples and limits.
    """

    asked: Recipe
    settings: Distillation

    @property
    def output(self) -> Path:
        """The folder that samples are written to."""
        return Path(self.asked.output.path)


def load_distill_recipe(
    path: str | os.PathLike[str], overrides: Sequence[str] = (), *, source: str | None = None
) -> DistillRecipe:
    """Read the recipe of a distillation.

    Parameters
    ----------
    path : path
        A YAML 1.2 file. Relative paths in it start at its folder.
    overrides : sequence of str
        `samples=4` and the like, put over the file's values in their order.
    source : str
        The only source that is asked, whose name stands for `{source}` in `output.path`; all if left out.

    Raises
    ------
    RecipeProblems
        With everything that is wrong, each with file, line and column, and a hint.

    Examples
    --------
    >>> import json, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "questions.jsonl").write_text('{"question": "Fever?", "answer": "Rest"}')
    >>> values = {
    ...     "name": "example",
    ...     "sources": [{"name": "questions", "path": "questions.jsonl", "format": "octomed"}],
    ...     "teacher": {"endpoint": "http://localhost:8000/v1", "model": "teacher"},
    ...     "samples": 4,
    ...     "output": {"path": "distilled"},
    ... }
    >>> _ = (folder / "distill.yaml").write_text(json.dumps(values))  # YAML takes JSON
    >>> load_distill_recipe(folder / "distill.yaml", ["samples=8"]).settings.samples
    8
    """
    kind = RecipeKind("a distillation", Distillation, MODELS, UNUSED)
    return DistillRecipe(*load_asking(path, overrides, kind, source=source))


@dataclass(frozen=True)
class RecipeKind(Generic[Settings]):
    """A kind of recipes that ask a teacher.

    Attributes
    ----------
    name
        What one is called.
    settings
        The typed model of its own keys.
    models
        The typed models of its mappings, by the names that lead to them.
    unused
        Keys of a packing recipe that have no meaning in it.
    """

    name: str
    settings: type[Settings]
    models: dict[tuple[str, ...], type[BaseModel]]
    unused: frozenset[str]


def load_asking(
    path: str | os.PathLike[str],
    overrides: Sequence[str],
    kind: RecipeKind[Settings],
    *,
    source: str | None = None,
) -> tuple[Recipe, Settings]:
    """Read a recipe that asks a teacher: the keys that it shares with a packing recipe, and its own.

    Parameters
    ----------
    path, overrides, source
        As for :func:`load_distill_recipe`.
    kind
        Of recipes.

    Raises
    ------
    RecipeProblems
        With everything that is wrong.
    """
    document = read_document(Path(path), str(path))
    apply_overrides(document, overrides, option_name="override " if in_python() else "--set ")
    values = document.values
    if not isinstance(values, dict):
        place = Place(document.origin, 1, 1)
        hint = "it begins with `name:`, `sources:` and `teacher:`"
        raise RecipeProblems([Problem(place, f"{kind.name} is a mapping of keys to values", hint)])
    keep_one_source(document, source)
    names = kind.settings.model_fields
    own = {key: value for key, value in values.items() if key in names}
    shared = {"model": STUDENT, **{key: value for key, value in values.items() if key not in names}}
    problems = _unused(shared, document, kind)
    settings = _settings(own, document, problems, kind)
    asked = _asked(shared, document, Path(path).resolve().parent, problems, kind.unused)
    if problems or settings is None or asked is None:
        raise RecipeProblems(problems)
    asked.adopt(Path(path).absolute(), document, asked.canonical(), overrides)
    return asked, settings


def _unused(values: dict[str, Any], document: Document, kind: RecipeKind[Any]) -> list[Problem]:
    return [
        Problem(
            document.place((key,), key=True),
            f"`{key}` is of packing, and {kind.name} packs nothing",
            "write it in the recipe that packs the samples",
        )
        for key in values
        if key in kind.unused
    ]


def _settings(
    values: dict[str, Any], document: Document, problems: list[Problem], kind: RecipeKind[Settings]
) -> Settings | None:
    try:
        return kind.settings.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, document, kind.models)
        return None


def _asked(
    values: dict[str, Any], document: Document, folder: Path, problems: list[Problem], unused: frozenset[str]
) -> Recipe | None:
    kept = deepcopy({key: value for key, value in values.items() if key not in unused})
    for source in kept["sources"] if isinstance(kept.get("sources"), list) else ():
        if isinstance(source, dict) and "format" in source:
            source["format"] = with_response(source["format"])
    shared = replace(document, values=kept)
    try:
        recipe = recipe_of(shared, folder)
    except RecipeProblems as found:
        problems += found.problems
        return None
    if scheme_of(recipe.output.path) is not None:
        place = document.place(("output", "path"))
        hint = "write to a folder, and copy what is finished"
        problems.append(Problem(place, "samples are appended to, which no store can do", hint))
    if recipe.curate.pass_rate is not None or recipe.curate.decontaminate is not None:
        key = "pass_rate" if recipe.curate.pass_rate is not None else "decontaminate"
        message = f"`curate.{key}` is decided over all traces, when they are packed"
        hint = "write it in the recipe that packs the samples"
        problems.append(Problem(document.place(("curate", key), key=True), message, hint))
    return recipe
