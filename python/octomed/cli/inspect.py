"""`octomed inspect`: a look at a run, a source's row, a trace, a packed row, or a training step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.options import AsJson, Overrides
from octomed.cli.pictures import show, wanted
from octomed.cli.terminal import console, log, out, out_lines
from octomed.errors import RecipeError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.report.views import StepTrace, TraceView
    from octomed.storage import Mode


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    place: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|OUTPUT",
            help="Recipe, or folder or address of a packed or a training run.",
            show_default=False,
        ),
    ],
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="The source to read, of a recipe or of a run's.")
    ] = None,
    row: Annotated[int | None, typer.Option(metavar="N", min=0, help="The row in its file, from 0.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Which file of the source.  [default: the first]")
    ] = None,
    stream: Annotated[
        str | None, typer.Option(metavar="NAME", help="With a run: the stream, `len-00512`.")
    ] = None,
    pack: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="With a run: the packed row, from 0.")
    ] = None,
    trace: Annotated[str | None, typer.Option(metavar="ID", help="With a run: a trace by its id.")] = None,
    step: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With a training run: the step, from 1.")
    ] = None,
    save_images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the images as well, by their hashes; no other file is overwritten."
        ),
    ] = None,
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures",
            help="Show the images, on terminals; with the package `textual-image`.  [default: where it can]",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    json_output: AsJson = False,
) -> None:
    """Show a run at a glance, or tokens: which are supervised, and where they are from.

    A run alone shows its streams, lengths, sources and rejects, and no text. For a row of a recipe it shows
    what the row and the capacity decide; duplicates are found by the run. Views of tokens print the text
    of the data: mind who can see your screen. Images are shown by size, hash, grid and place; a run of their
    tokens is shown as one, with its length.

    \b
    Examples:
      octomed inspect recipes/quickstart.yaml --source questions --row 3
      octomed inspect runs/quickstart --source questions --row 3
      octomed inspect runs/quickstart --stream len-00512 --pack 0
      octomed inspect runs/quickstart --trace 17293822569102704640 --save-images images
      octomed inspect runs/train/quickstart --step 12 --save-images images
    """
    from octomed.pipeline.finished.run_places import run_folder

    target = run_folder(place)
    if step is not None:
        _show_step(target, step, save_images, as_json=json_output)
        return
    from octomed.pipeline.finished.inspect_packs import mode_of
    from octomed.pipeline.planning.inspect import inspect_row, recipe_of
    from octomed.recipe import load_recipe
    from octomed.report.inspection import show_view, view_json

    _refuse_missing(target, of_a_recipe=source is not None and row is not None)
    if target.is_dir() and source is not None and row is not None:
        _refuse_words_of_packs(stream=stream, pack=pack, trace=trace)
        found, mode = inspect_row(recipe_of(target), source=source, row=row, file=file), mode_of(target)
    elif target.is_dir():
        _refuse_half_of_a_row(source=source, row=row, file=file)
        if trace is None and pack is None and stream is None:
            _refuse_to_save(save_images)
            _show_run(target, as_json=json_output)
            return
        found, mode = _of_run(target, stream, pack, trace), mode_of(target)
    elif source is not None and row is not None:
        recipe = load_recipe(target, overrides or ())
        found, mode = inspect_row(recipe, source=source, row=row, file=file), recipe.output.mode
    else:
        raise RecipeError("no row is selected", "give `--source NAME --row N`")
    screen = console()
    shows = not json_output and wanted(pictures, screen)
    for view in found:
        if json_output:
            out(view_json(view))
        else:
            show_view(view, screen)
    if shows:
        show((image for view in found for image in view.images), screen)
    if save_images is not None:
        _save(found, save_images, mode)


def _of_run(folder: Path, stream: str | None, pack: int | None, trace: str | None) -> list[TraceView]:
    from octomed.pipeline.finished.inspect_packs import inspect_pack, inspect_trace

    if trace is not None:
        return [inspect_trace(folder, _trace_id(trace))]
    if pack is not None and stream is not None:
        return inspect_pack(folder, stream=stream, pack=pack)
    raise RecipeError("no pack and no trace is selected", "give `--stream NAME --pack N`, or `--trace ID`")


def _refuse_missing(target: Path, *, of_a_recipe: bool) -> None:
    """Say that nothing is there before a question about it; of a recipe the loader says so."""
    if target.exists() or of_a_recipe:
        return
    name = shown(str(target))
    if target.suffix in {".yaml", ".yml"}:
        raise RecipeError(f"there is no such recipe: `{name}`", "give the path of a YAML file")
    raise RecipeError(f"there is no such run: `{name}`", "give the folder that a run was packed into")


def _refuse_to_save(folder: Path | None) -> None:
    if folder is not None:
        raise RecipeError(
            "`--save-images`: no pack and no trace is selected",
            "give `--stream NAME --pack N`, or `--trace ID`, of a packed run",
        )


def _refuse_half_of_a_row(**words: object) -> None:
    given = [f"`--{name}`" for name, value in words.items() if value is not None]
    if given:
        raise RecipeError(f"{', '.join(given)}: no row is selected", "give `--source NAME --row N`")


def _refuse_words_of_packs(**words: object) -> None:
    given = [f"`--{name}`" for name, value in words.items() if value is not None]
    if given:
        raise RecipeError(
            f"{', '.join(given)}: of what is packed, and `--source` of a source's row",
            "give one or the other",
        )


def _show_run(folder: Path, *, as_json: bool) -> None:
    from octomed.pipeline.finished.inspect_run import inspect_run
    from octomed.report.run_view import run_json, run_text

    if (folder / "train.json").exists():
        raise RecipeError("no step is selected", "give `--step N`")
    view = inspect_run(folder)
    out_lines(run_json(view) if as_json else run_text(view))


def _show_step(folder: Path, step: int, save_to: Path | None, *, as_json: bool) -> None:
    from octomed.pipeline.finished.run_places import fetch_notes
    from octomed.report.inspection import show_step, step_json
    from octomed.train.lookup import look_at_step

    fetch_notes(folder)
    view = look_at_step(folder, step)
    if save_to is not None and not any(trace.images for trace in view.traces):
        raise RecipeError(
            f"`--save-images`: step {step} showed no image",
            "see `data/images` of the steps in `metrics.jsonl`",
        )
    if as_json:
        out(step_json(view))
    else:
        show_step(view, console())
    if save_to is not None:
        _save(view.traces, save_to, view.mode)


def _save(shown_in: Iterable[TraceView | StepTrace], folder: Path, mode: Mode) -> None:
    from octomed.pipeline.finished.inspect_images import save_images

    saved = save_images((image for one in shown_in for image in one.images), folder, mode)
    log(f"{len(saved)} images are in `{shown(str(folder))}`")


def _trace_id(text: str) -> int:
    """Read a trace's id as the provenance has it, or as PyTorch does, which knows no unsigned 64 bits."""
    try:
        number = int(text, 0)
    except ValueError:
        number = 2**64
    if not -(2**63) <= number < 2**64:
        raise RecipeError(
            f"`{text}` is not a trace id", "a trace id is a number: see `provenance/*.parquet` of the run"
        )
    return number % 2**64
