"""From a YAML file or a dict to a typed evaluation, or to the list of all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from octomed.commands import in_python
from octomed.distill.asked_rows import STUDENT, with_response
from octomed.evaluate.schema import BENCHMARK_KEYS, MODELS, Evaluation
from octomed.evaluate.trained import Trained, trained_run
from octomed.recipe.explain import problems_of
from octomed.recipe.from_values import ORIGIN, document_of
from octomed.recipe.loader import recipe_of
from octomed.recipe.overrides import apply_overrides
from octomed.recipe.paths import absolute, expand
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.yaml_file import read_document

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from octomed.evaluate.schema import Benchmark
    from octomed.recipe.document import Document
    from octomed.recipe.schema import Recipe

_PATHS = (("output", "path"), ("model", "path"), ("trained",))
_OF_MATCH = {"options": "options", "exact": "exact", "contains": "contains", "token_f1": "exact"}
"""The rule of acceptance that tells an answer from none, by how a benchmark is scored."""


@dataclass(frozen=True)
class EvaluationRecipe:
    """An evaluation, ready to run.

    Attributes
    ----------
    settings : Evaluation
        The model, benchmarks and protocol, paths ready to use.
    asked : Recipe
        The benchmarks as sources of a packing recipe, and how their questions are asked.
    trained : Trained or None
        The packed run that the model was trained on.
    written : dict
        The recipe as written.
    """

    settings: Evaluation
    asked: Recipe
    trained: Trained | None
    written: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """The folder of the evaluation."""
        return Path(self.settings.output.path)

    def benchmark(self, name: str) -> Benchmark:
        """Return a benchmark by its name."""
        return next(one for one in self.settings.benchmarks if one.name == name)


def load_evaluation_recipe(
    path: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    folder: str | os.PathLike[str] | None = None,
) -> EvaluationRecipe:
    """Read the recipe of an evaluation.

    Parameters
    ----------
    path : path or mapping
        A YAML 1.2 file, or what one would hold.
    overrides : sequence of str
        `seeds=1` and the like, put over the file's values in their order.
    folder : path, optional
        Where relative paths start: the file's folder, and of a mapping the working directory.

    Raises
    ------
    RecipeProblems
        With everything that is wrong, each with file, line and column, and a hint.

    Examples
    --------
    >>> import json, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"question": "Fever?", "options": ["Rest"], "answer": 0}')
    >>> values = {
    ...     "name": "example",
    ...     "model": {"endpoint": "http://localhost:8000/v1", "name": "octomed"},
    ...     "benchmarks": [{"name": "rows", "path": "rows.jsonl", "format": "octomed"}],
    ...     "output": {"path": "evaluated"},
    ... }
    >>> load_evaluation_recipe(values, ["seeds=2"], folder=folder).settings.seeds
    2
    """
    given = isinstance(path, Mapping)
    document = document_of(path) if isinstance(path, Mapping) else read_document(Path(path), str(path))
    apply_overrides(document, overrides, option_name="override " if in_python() else "--set ")
    base = Path(folder) if folder is not None else Path.cwd() if given else Path(str(path)).resolve().parent
    if not isinstance(document.values, dict):
        hint = "it begins with `name:`, `model:` and `benchmarks:`"
        place = Place(document.origin, 1, 1)
        raise RecipeProblems([Problem(place, "an evaluation is a mapping of keys to values", hint)])
    written = deepcopy(document.values)
    problems = [*document.problems, *_make_paths_ready(document, base), *_repeated(document)]
    _have_responses(document)
    settings = _settings(document, problems)
    if settings is None:
        raise RecipeProblems(problems)
    trained = None if settings.trained is None else trained_run(settings.trained)
    asked = _asked(settings, trained, document, base, problems)
    if problems or asked is None:
        raise RecipeProblems(problems)
    file = base / ORIGIN if given else Path(str(path)).absolute()
    asked.adopt(file, document, asked.canonical(), overrides, from_values=given)
    return EvaluationRecipe(settings, asked, trained, written)


def _make_paths_ready(document: Document, base: Path) -> list[Problem]:
    problems = []
    for *way, last in _PATHS:
        around: Any = document.values
        for part in way:
            around = around.get(part) if isinstance(around, dict) else None
        if not isinstance(around, dict) or not isinstance(around.get(last), str):
            continue
        text, missing = expand(around[last])
        around[last] = absolute(text, base) if text else text
        for name in missing:
            message = f"the variable `${name}` in this path is not set"
            problems.append(Problem(document.place((*way, last)), message, f"`export {name}=…`"))
    return problems


def _repeated(document: Document) -> list[Problem]:
    benchmarks = document.values.get("benchmarks")
    names: set[str] = set()
    problems = []
    for index, one in enumerate(benchmarks if isinstance(benchmarks, list) else []):
        name = one.get("name") if isinstance(one, dict) else None
        if isinstance(name, str) and name in names:
            place = document.place(("benchmarks", index, "name"))
            problems.append(Problem(place, f"two benchmarks are named `{name}`", "name one otherwise"))
        names.add(str(name))
    return problems


def _have_responses(document: Document) -> None:
    """Make of row formats of questions such of traces: of rows that are asked no response is read."""
    benchmarks = document.values.get("benchmarks")
    for one in benchmarks if isinstance(benchmarks, list) else []:
        if isinstance(one, dict) and "format" in one:
            one["format"] = with_response(one["format"])


def _settings(document: Document, problems: list[Problem]) -> Evaluation | None:
    try:
        return Evaluation.model_validate(document.values)
    except ValidationError as error:
        problems += problems_of(error, document, MODELS)
        return None


def _asked(
    settings: Evaluation, trained: Trained | None, document: Document, base: Path, problems: list[Problem]
) -> Recipe | None:
    """Return the packing recipe whose sources are the benchmarks, asked as the model was trained."""
    form = trained.form if trained is not None and settings.prompt == "trained" else ()
    sources = []
    for one, benchmark in zip(document.values["benchmarks"], settings.benchmarks, strict=True):
        kept = {key: deepcopy(value) for key, value in one.items() if key not in BENCHMARK_KEYS}
        accept = {"answer": "match", "match": _OF_MATCH[benchmark.score], "format": list(form)}
        sources.append({**kept, "curate": {"accept": accept}})
    values = {
        "name": settings.name,
        **_shared(settings, trained, document.values),
        "sources": sources,
        "output": {"path": document.values["output"]["path"]},
    }
    if document.values.get("stores") is not None:
        values["stores"] = deepcopy(document.values["stores"])
    try:
        return recipe_of(_as_sources(document, values), base)
    except RecipeProblems as found:
        problems += [_of_benchmarks(one) for one in found.problems]
        return None


def _shared(settings: Evaluation, trained: Trained | None, written: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {
        "model": settings.tokenizer or settings.model.path or STUDENT,
        "template": settings.template,
        "system": settings.system,
        "prompt": settings.layout,
        "images": deepcopy(written.get("images")),
    }
    own = {key: value for key, value in own.items() if value is not None}
    found = trained.shared if trained is not None and settings.prompt == "trained" else own
    # What the model sees is what training would have made of an image: resized once, without loss.
    return {**found, "images": {"store": "resized", "codec": "png", **found.get("images", {})}}


def _as_sources(document: Document, values: dict[str, Any]) -> Document:
    """Return a document in which benchmarks stand as sources, each value with its place."""

    def moved(places: dict[Any, Place]) -> dict[Any, Place]:
        return {
            ("sources", *way[1:]) if way[:1] == ("benchmarks",) else way: one for way, one in places.items()
        }

    return replace(
        document, values=values, keys=moved(document.keys), places=moved(document.places), problems=[]
    )


def _of_benchmarks(problem: Problem) -> Problem:
    def words(text: str) -> str:
        return text.replace("`sources.", "`benchmarks.").replace("source `", "benchmark `")

    return Problem(
        problem.place, words(problem.message), None if problem.hint is None else words(problem.hint)
    )
