"""What a recipe makes of a source row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.names import as_text, shown
from octomed.pipeline.calls.prefetch import without_leftovers
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.inspect_images import images_of_row, texts_of
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.scanned import Ahead
from octomed.pipeline.planning.plan import Plan, SourcePlan, plan
from octomed.recipe.loader import load_recipe
from octomed.report.views import TraceView

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.pipeline.inputs.tasks import Task
    from octomed.recipe.schema import Recipe
    from octomed.report.views import ImageView

_SMALL_BLOCK_BYTES = 2**20
_NAMED_AT_MOST = 5


def inspect_row(recipe: Recipe, source: str, row: int, *, file: str | None = None) -> list[TraceView]:
    """Show what a recipe makes of one source row.

    Parameters
    ----------
    recipe
        The recipe.
    source
        Name of the source.
    row
        Number of the row in its file, from 0.
    file
        Path of the file relative to the source's root; the source's first by default.

    Raises
    ------
    RecipeError
        When there is no such source, file or row.
    """
    with without_leftovers():
        return _of_row(plan(recipe), source, row, file)


def _of_row(planned: Plan, source: str, row: int, file: str | None) -> list[TraceView]:
    chosen = next((one for one in planned.sources if one.source.name == source), None)
    if chosen is None:
        names = ", ".join(f"`{one.source.name}`" for one in planned.sources)
        raise RecipeError(f"no source `{source}`", f"the recipe has {names}")
    wanted = _file_of(chosen, file)
    return _views(planned, chosen, [task for task in chosen.tasks if task.file.relative == wanted], row)


def _file_of(source: SourcePlan, file: str | None) -> str:
    """Return the file that is meant: by its name, by the escapes that messages show, or the first."""
    names = list(dict.fromkeys(task.file.relative for task in source.tasks))
    if not names:
        raise RecipeError(f"source `{source.source.name}` has no rows", "see what its files hold")
    if file is None:
        return names[0]
    found = next((name for name in names if name == as_text(file)), None)
    found = found or next((name for name in names if shown(name) == file), None)
    if found is None:
        held = ", ".join(f"`{shown(name)}`" for name in sorted(names)[:_NAMED_AT_MOST])
        more = f", and {len(names) - _NAMED_AT_MOST:,} more" if len(names) > _NAMED_AT_MOST else ""
        raise RecipeError(
            f"source `{source.source.name}` has no file `{shown(file)}`", f"it has {held}{more}"
        )
    return found


def _views(planned: Plan, source: SourcePlan, tasks: list[Task], row: int) -> list[TraceView]:
    first_row = 0
    for task in tasks:
        first_row = first_row if task.first_row is None else task.first_row
        if task.rows is not None and row >= first_row + task.rows:
            first_row += task.rows
            continue
        ahead = Ahead()
        for block in blocks_of(task, source.scanner.mapping, target=_SMALL_BLOCK_BYTES, ahead=ahead):
            looked = source.scanner.look(block, row - first_row)
            if looked is not None:
                images = images_of_row(source.scanner, block, row - first_row)
                return _looked_views(planned, f"{task.place} row {row}", looked, images)
        first_row += ahead.rows_read
    raise RecipeError(f"`{shown(tasks[0].file.path)}` has no row {row}", f"its rows are 0 to {first_row - 1}")


def _looked_views(
    planned: Plan,
    place: str,
    looked: Any,  # noqa: ANN401 as Rust gives it
    images: tuple[ImageView, ...],
) -> list[TraceView]:
    if isinstance(looked, tuple):
        reason, detail = looked
        return [TraceView(f"{place} ({detail})", reason, (), (), ())]
    capacity = planned.recipe.pack.capacity
    token = planned.vision.image_token_id if planned.vision else None
    return [
        TraceView(
            f"{place} sample {sample}",
            "over_long" if verdict == "kept" and len(ids) > capacity else verdict,
            tuple(ids),
            texts_of(planned.tokenizer, ids, token),
            tuple(spans),
            capacity=capacity,
            may_be_duplicate=planned.recipe.curate.duplicates.exact,
            images=images,
            answer=None if measured is None else measured[0],
            measures={} if measured is None else measured[1],
        )
        for sample, verdict, _, ids, spans, measured in looked
    ]


def recipe_of(folder: Path) -> Recipe:
    """Return the recipe that a finished run was packed with, its paths as they lead from where it was then.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or the recipe's inputs are gone.
    """
    run = read_run(folder)
    return load_recipe(run.recipe, folder=run.run.recipe_folder or "")
