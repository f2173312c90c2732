"""The plan of a finished run, made again to repair it: from its run file, its recipe, or its manifest."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.commands import as_argument, shell_words
from octomed.errors import DataError, OctomedError, RecipeError, StorageError
from octomed.names import shown
from octomed.origin import rebuild_command
from octomed.pipeline.output.difference import About, about_finished_run, difference
from octomed.pipeline.planning.run_spec import run_spec
from octomed.pipeline.repair.recorded import RecordedInputs
from octomed.recipe.formats import is_left_out
from octomed.recipe.loader import load_recipe
from octomed.run_file import RUN_FILE
from octomed.storage import content_key

if TYPE_CHECKING:
    from octomed.filter_record import FilterRecord
    from octomed.pipeline.planning.plan import Plan
    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.pipeline.repair.damage import Damage
    from octomed.pipeline.repair.recorded import FilePlace
    from octomed.recipe.schema import Recipe
    from octomed.run_file import RunFile


@dataclass(frozen=True)
class RepairPlan:
    """What a repair does.

    Attributes
    ----------
    planned
        The plan of the run.
    spec
        The run, as it was.
    recorded
        The inputs as the run file has them; None where every one is looked at.
    """

    planned: Plan
    spec: RunSpec
    recorded: RecordedInputs | None


def repair_plan(
    damage: Damage,
    recipe: Recipe,
    needed: frozenset[FilePlace],
    workers: int,
    filters: tuple[FilterRecord, ...] = (),
) -> RepairPlan:
    """Plan a run again as it was.

    Parameters
    ----------
    damage
        The run.
    recipe
        Its recipe (`recipe_of`).
    needed
        Files that are read again; others are taken as they are recorded.
    workers
        Threads.
    filters
        Those of the user's own that the run was packed with, as far as they are given.

    Raises
    ------
    RecipeError
        When the recipe, the model or the version is another one.
    DataError
        When an input changed or is gone, by name.
    """
    from octomed.pipeline.planning.plan import plan  # noqa: PLC0415 a chain of imports is short

    run = damage.run
    recorded = None
    if run is not None and run.run.planned is not None:
        recorded = RecordedInputs(run, run.run.planned, needed)
    planned = plan(recipe, recorded, filters)
    spec = run_spec(planned, workers)
    key = damage.manifest.key if damage.manifest is not None else run.run.write_key if run else None
    if spec.write_key != key:
        raise _another_run(damage, spec)
    return RepairPlan(planned, _as_it_was(spec, damage), recorded)


def _as_it_was(spec: RunSpec, damage: Damage) -> RunSpec:
    """Return the run with what its own state files say of it, as far as they are sound."""
    run, manifest = damage.run, damage.manifest
    if run is None:
        return spec
    about = manifest.about if manifest is not None else spec.about
    command = about.command if manifest is not None else rebuild_command(run.run)
    about = replace(about, recipe=run.recipe, command=command, filters=run.filters)
    said = replace(spec.said, filters=run.filters)
    return replace(spec, about=about, said=said, files_skipped=dict(run.counts.files_skipped))


def recipe_of(damage: Damage, given: Path | None) -> Recipe:
    """Return the recipe that a finished run was packed with.

    Parameters
    ----------
    damage
        The run.
    given
        The recipe's file, where its place on this machine is another one than the run says.

    Raises
    ------
    RecipeError
        When it is not known, or cannot be used.
    """
    run, manifest = damage.run, damage.manifest
    about = manifest.about if manifest is not None else About()
    values = run.recipe if run is not None else about.recipe
    if given is not None:
        overrides = list(run.run.overrides) if run is not None else _words(about)[1]
        return _with_formats(load_recipe(given, overrides, check_files=False), values)
    if run is not None:
        return recipe_of_run(run)
    path, overrides = _words(about)
    if path is not None:
        return _with_formats(load_recipe(path, overrides, check_files=False), values)
    name = shown(damage.place.name)
    hint = shell_words(
        ["octomed", "verify", as_argument(damage.place.name), "--repair", "--recipe", "RECIPE"]
    )
    raise RecipeError(
        f"`{RUN_FILE}` of `{name}` is damaged, and its manifest does not say where the recipe is",
        f"`{hint}` takes it from there",
    )


def recipe_of_run(run: RunFile) -> Recipe:
    """Return the recipe that a finished run was packed with, as it plans the same tasks again.

    Parameters
    ----------
    run
        Its run file; paths lead from where the recipe was then, and files may be gone.

    Raises
    ------
    RecipeError
        When the recipe cannot be used any more.
    """
    written = _as_written(run.recipe)
    return _as_packed(run) or load_recipe(written, folder=run.run.recipe_folder or "", check_files=False)


def _as_packed(run: RunFile) -> Recipe | None:
    """Return the recipe of the file that was packed, if that still says what the run file does."""
    making = run.run
    if not (making.recipe_folder and making.recipe_file):
        return None
    path = Path(making.recipe_folder, making.recipe_file)
    try:
        found = _with_formats(load_recipe(path, making.overrides, check_files=False), run.recipe)
    except (RecipeError, StorageError):
        return None
    return found if content_key(found.canonical()) == content_key(run.recipe) else None


def _as_written(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe out of a run file as its author wrote it: a mapping there has keys that were left out.

    With a preset it has those alone that were written, for a null takes one of the preset's out.
    """
    sources = recipe.get("sources")
    if not isinstance(sources, list):
        return recipe
    return {**recipe, "sources": [_without_nulls(one) for one in sources]}


def _without_nulls(source: Any) -> Any:  # noqa: ANN401 a recipe's values are of any type
    form = source.get("format") if isinstance(source, dict) else None
    if not isinstance(form, dict) or form.get("preset") is not None:
        return source
    written = {
        key: value for key, value in form.items() if value is not None and (key, value) != ("unused", [])
    }
    return {**source, "format": written}


def _words(about: About) -> tuple[str | None, list[str]]:
    """Return the recipe and its overrides out of the command that goes on with a run."""
    try:
        words = shlex.split(about.command or "")
    except ValueError:  # a name that no POSIX shell quotes
        return None, []
    if words[:2] != ["octomed", "pack"] or len(words) <= len(("octomed", "pack")):
        return None, []
    options = words[3:]
    return words[2], [
        word for option, word in zip(options[::2], options[1::2], strict=False) if option == "--set"
    ]


def _with_formats(recipe: Recipe, values: dict[str, Any] | None) -> Recipe:
    """Return a recipe with the row formats that were found when the run was planned: files may be gone."""
    found = {
        index: written["preset"] if isinstance(written, dict) else written
        for index, source in enumerate(recipe.sources)
        if is_left_out(source.format) and (written := _format_of(values, source.name)) is not None
    }
    return recipe.with_formats(found) if found else recipe


def _format_of(values: dict[str, Any] | None, source: str) -> Any:  # noqa: ANN401 a name, or a mapping
    sources = (values or {}).get("sources")
    named = (one for one in sources if isinstance(one, dict)) if isinstance(sources, list) else ()
    return next((one.get("format") for one in named if one.get("name") == source), None)


def _another_run(damage: Damage, spec: RunSpec) -> OctomedError:
    """Return the error where what the recipe leads to now is not the run that is to be repaired."""
    old = About(inputs=_inputs_of(damage.folder))
    if damage.manifest is not None:
        old = damage.manifest.about.or_else(old)
    if damage.run is not None:
        old = old.or_else(about_finished_run(damage.run))
    held = difference(old, spec.about)
    message = f"`{shown(damage.place.name)}` cannot be repaired: it holds a run {held}"
    hint = "put back what changed; `--recipe` names the run's recipe, where that has moved"
    return (DataError if "over other inputs" in held else RecipeError)(message, hint)


def _inputs_of(folder: Path) -> dict[str, dict[str, str]] | None:
    """Return what a damaged run file says of its inputs: enough to name one that changed."""
    try:
        inputs = json.loads((folder / RUN_FILE).read_bytes())["run"]["inputs"]
        return {str(source): dict(files.items()) for source, files in inputs.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
