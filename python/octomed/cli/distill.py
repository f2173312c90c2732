"""`octomed distill`: a teacher is asked a recipe's questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.extras import need_aiohttp
from octomed.cli.options import AsJson, Overrides, RecipePath
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import log, out, resumable
from octomed.errors import RecipeError

if TYPE_CHECKING:
    from octomed.distill.recipe import DistillRecipe


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    recipe: RecipePath,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR|FILES]", help="With --batch: where requests go, or answers.", show_default=False
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="export|import", help="Write requests as files of a batch service, or read its answers."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Ask this source alone; `{source}` in `output.path` is its name."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it will ask, cost and take; nothing is asked.")
    ] = False,
    overrides: Overrides = None,
    json_output: AsJson = False,
) -> None:
    """Sample a teacher's responses to a recipe's questions, as rows that packing reads.

    What comes is in `samples.jsonl`, which `octomed pack` reads with `format: distilled`. The recipe has the
    sources, prompt and rules of acceptance of one that packs, and `teacher`, `samples`, `until`, `limits` and
    `budget`. A sample is on the disk before it counts, so a run that is stopped goes on where it was, and
    nothing is asked twice. Needs the extra `distill`.

    \b
    Examples:
      octomed distill recipes/distill/quickstart.yaml
      octomed distill recipes/distill/quickstart.yaml --set samples=4 --set limits.concurrency=256
      octomed distill recipes/distill/quickstart.yaml --plan
      octomed distill recipes/distill/quickstart.yaml --batch export requests
      octomed distill recipes/distill/quickstart.yaml --batch import output.jsonl errors.jsonl
    """
    need_aiohttp("asking a teacher", "distill")
    if plan and (batch is not None or files):
        raise RecipeError("`--plan` asks nothing, and `--batch` has nothing to do with it", "leave one out")
    from octomed.commands import as_argument, set_options
    from octomed.distill.display import shown_on
    from octomed.distill.recipe import load_distill_recipe
    from octomed.distill.run import distill

    loaded = load_distill_recipe(recipe, overrides or (), source=source)
    if plan:
        _plan(loaded, as_json=json_output)
        return
    if batch is not None or files:
        _batch(loaded, batch, files or [], as_json=json_output)
        return
    if not json_output:
        for text in loaded.asked.notes():
            log(f"note: {text}")
    one = [] if source is None else ["--source", source]
    again = ["octomed", "distill", as_argument(str(recipe)), *one, *set_options(overrides or ())]
    with shown_on(sys.stderr, loaded.settings, json_lines=json_output) as tell, resumable(again):
        stop_by_signals()
        counts = distill(loaded, tell=tell)
    if json_output:
        import json

        out(json.dumps(counts.values(loaded.settings), ensure_ascii=False))
        return
    for line in counts.lines(loaded.settings):
        out(line)
    if counts.stopped is not None:
        from octomed.commands import shell_words

        log(f"stopped: {counts.stopped}; with a larger one `{shell_words(again)}` goes on")
    log(f"next: `octomed pack` with `path: {loaded.output / 'samples.jsonl'}` and `format: distilled`")


def _plan(recipe: DistillRecipe, *, as_json: bool) -> None:
    import json

    from octomed.distill.plan import plan_of

    planned = plan_of(recipe)
    if as_json:
        out(json.dumps(planned.values()))
        return
    for line in planned.lines():
        out(line)


def _batch(recipe: DistillRecipe, way: str | None, files: list[Path], *, as_json: bool) -> None:
    import json

    from octomed.distill.batch_files import export_batch, import_batch

    if way == "export" and len(files) == 1:
        written = export_batch(recipe, files[0])
        if as_json:
            out(json.dumps(vars(written)))
            return
        out(f"{written.requests:,} requests for {written.samples:,} samples in {len(written.files)} files")
        log("next: hand them to the service, and its answers to `--batch import`")
    elif way == "import" and files:
        counts = import_batch(recipe, files)
        if as_json:
            out(json.dumps(counts.values(recipe.settings), ensure_ascii=False))
            return
        for line in counts.lines(recipe.settings):
            out(line)
    else:
        raise RecipeError(
            "`--batch` is `export` with a folder, or `import` with files",
            "`octomed distill RECIPE --batch export DIR`, `octomed distill RECIPE --batch import FILES`",
        )
