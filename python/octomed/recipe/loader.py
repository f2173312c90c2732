"""From a YAML file to a typed recipe, or to the list of all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pydantic import ValidationError

from octomed.commands import in_python
from octomed.names import without_secrets
from octomed.recipe.explain import problems_of
from octomed.recipe.from_values import ORIGIN, document_of
from octomed.recipe.image_roots import missing_roots
from octomed.recipe.inputs import missing_inputs
from octomed.recipe.lone_surrogates import lone_surrogates
from octomed.recipe.overlap import own_files_read, written_twice
from octomed.recipe.overrides import apply_overrides
from octomed.recipe.paths import expanded, one_or_several, value_at
from octomed.recipe.places import reach_stores
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.schema import MODELS, VERSION, Recipe
from octomed.recipe.yaml_file import read_document
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.recipe.document import Document, Keys


OfRecipe = TypeVar("OfRecipe", bound=Recipe)


@overload
def load_recipe(
    path: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    check_files: bool = True,
    folder: str | os.PathLike[str] | None = None,
) -> Recipe: ...


@overload
def load_recipe(
    path: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    check_files: bool = True,
    folder: str | os.PathLike[str] | None = None,
    kind: type[OfRecipe],
) -> OfRecipe: ...


def load_recipe(
    path: str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    check_files: bool = True,
    folder: str | os.PathLike[str] | None = None,
    kind: type[Recipe] = Recipe,
) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : path, or mapping
        A YAML 1.2 file, or what one would hold.
    overrides : sequence of str
        `pack.capacity=8192` and the like, put over the file's values in their order. Their relative paths
        start at the recipe's folder, as those of the file do.
    check_files : bool
        Whether a source's path that matches no file is a problem; a template that does not exist always is.
    folder : path, optional
        Where relative paths start; the file's folder by default, and the working directory for a mapping.
    kind : type
        Of the recipe that is returned.

    Raises
    ------
    RecipeProblems
        With everything that is wrong, each with file, line and column, and a hint.
    """
    from_values = isinstance(path, Mapping)
    file = Path.cwd() / ORIGIN if isinstance(path, Mapping) else Path(path)
    document = document_of(path) if isinstance(path, Mapping) else read_document(file, str(path))
    apply_overrides(document, overrides, option_name="override " if in_python() else "--set ")
    base = Path(folder or file.resolve().parent)
    recipe = recipe_of(document, base, check_files=check_files, kind=kind)
    if folder is not None:
        file = Path(folder, file.name)
    recipe.adopt(file.absolute(), document, recipe.canonical(), overrides, from_values=from_values)
    return recipe


def recipe_of(
    document: Document, folder: Path, *, check_files: bool = True, kind: type[Recipe] = Recipe
) -> Recipe:
    """Make a recipe of the values of a document.

    Parameters
    ----------
    document : Document
        The values; what is secret in them is taken out.
    folder : path
        Where relative paths start.
    check_files, kind
        As for :func:`load_recipe`.

    Raises
    ------
    RecipeProblems
        As :func:`load_recipe`.
    """
    _check_shape(document)
    _check_texts(document)
    values, problems = expanded(document, folder)
    problems = [*document.problems, *problems, *_repeated_names(document)]
    written = _validate(document.values, document, problems, kind)
    ready = _validate(values, document, problems, kind)
    problems += _missing_template(values, document)
    if ready is not None:
        reach_stores(ready)
        problems += [*own_files_read(ready, document), *written_twice(ready, document)]
    if check_files:
        problems += _missing_inputs(values, document)
    if problems or written is None or ready is None:
        raise RecipeProblems(problems)
    document.values = _without_secrets(document.values)
    origin = Path(document.origin).absolute()
    ready.adopt(origin, document, written.model_dump(mode="json"), ())
    return ready


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 any YAML value
    """Return values of a recipe without what its addresses hold of secrets: a loaded one may be pickled."""
    if isinstance(value, dict):
        return {key: _without_secrets(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return without_secrets(value) if isinstance(value, str) else value


def _check_shape(document: Document) -> None:
    """Refuse what is no recipe at all, or one of a newer version, before other messages drown that."""
    if document.values is None and document.problems:
        raise RecipeProblems(document.problems)
    if document.values is None:
        raise _fail(
            Place(document.origin, 1, 1),
            "the recipe is empty",
            "it begins with `name:`, `model:` and `sources:`",
        )
    if not isinstance(document.values, dict):
        raise _fail(
            document.place(()), "a recipe is a mapping of keys to values", "write `name: …` at the left edge"
        )
    version = document.values.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        message = f"this recipe is from a newer version ({version}); this octomed reads version {VERSION}"
        raise _fail(
            document.place(("version",)), message, "`git pull`, then `pip install .`, in OctoMed's folder"
        )


def _check_texts(document: Document) -> None:
    """Refuse texts that are not Unicode first of all: no file and no shard can hold them."""
    problems = lone_surrogates(document)
    if problems:
        raise RecipeProblems([*document.problems, *problems])


def _validate(
    values: Any,  # noqa: ANN401 any YAML value
    document: Document,
    problems: list[Problem],
    kind: type[Recipe],
) -> Recipe | None:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        # What cannot be read stands as nothing in the values: that it is missing says no more.
        unread = {problem.place for problem in document.problems}
        problems += [
            problem for problem in problems_of(error, document, MODELS) if problem.place not in unread
        ]
        return None


def _repeated_names(document: Document) -> list[Problem]:
    sources = document.values.get("sources")
    first: dict[str, int] = {}
    problems = []
    for index, source in enumerate(sources if isinstance(sources, list) else []):
        name = source.get("name") if isinstance(source, dict) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            place = document.place(("sources", index, "name"))
            other = document.place(("sources", first[name], "name"))
            problems.append(Problem(place, f"two sources are named `{name}`", f"the first is at {other}"))
    return problems


def _missing_template(values: Any, document: Document) -> list[Problem]:  # noqa: ANN401 any YAML value
    template = values.get("template")
    if (
        not isinstance(template, str)
        or not template.endswith((".jinja", ".jinja2", ".j2"))
        or os.path.isfile(template)  # noqa: PTH113 a `Path` raises for a long name
    ):
        return []
    return [Problem(document.place(("template",)), f"the template `{template}` does not exist")]


def _missing_inputs(values: Any, document: Document) -> list[Problem]:  # noqa: ANN401 any YAML value
    sources = values.get("sources")
    paths: dict[Keys, str] = {}
    roots: dict[Keys, str] = {}
    for index in range(len(sources) if isinstance(sources, list) else 0):
        paths |= _texts(values, ("sources", index, "path"))
        roots |= _texts(values, ("sources", index, "format", "image_root"))
    places = {way: document.place(way) for way in (*paths, *roots)}
    return [*missing_inputs(paths, places), *missing_roots(roots, places)]


def _texts(values: Any, way: Keys) -> dict[Keys, str]:  # noqa: ANN401 any YAML value
    """Return the paths at a way that may be looked for: one, or those of a list."""
    found = {one: value_at(values, one) for one in one_or_several(values, way)}
    found = {(*way, 0) if one == way else one: text for one, text in found.items()}  # as of a list of one
    return {
        way: text
        for way, text in found.items()
        if isinstance(text, str) and text and not (scheme_of(text) or "$" in text or "\0" in text)
    }


def _fail(place: Place, message: str, hint: str | None = None) -> RecipeProblems:
    return RecipeProblems([Problem(place, message, hint)])
