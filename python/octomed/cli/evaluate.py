"""`octomed evaluate`: a model answers benchmarks, and the answers are scored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.extras import need_aiohttp
from octomed.cli.options import AsJson, Overrides
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import log, out, resumable
from octomed.errors import RecipeError
from octomed.names import printable_line

if TYPE_CHECKING:
    from octomed.evaluate.recipe import EvaluationRecipe


def command(
    recipe: Annotated[
        Path | None, typer.Argument(help="The recipe, a YAML file.", show_default=False)
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="A B", help="Compare two finished evaluations: their folders."),
    ] = None,
    export: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            metavar="HARNESS FOLDER",
            help="Write the benchmarks for another harness instead: `vlmevalkit` or `lm-eval`.",
        ),
    ] = None,
    overrides: Overrides = None,
    json_output: AsJson = False,
) -> None:
    """Have a model answer benchmarks, and score it: accuracy, intervals, votes, lengths.

    Questions are asked as the packed run of `trained` rendered them, several times each with its own seeds,
    and answers are scored by the rule by which packing accepts them. Each answer is on the disk before it
    counts, so an evaluation that is stopped goes on. The output folder has `results.json`,
    `questions.jsonl` and `report.html`. A model behind an endpoint needs the extra `evaluate`, one in a
    folder `train`.

    \b
    Examples:
      octomed evaluate recipes/evaluate/quickstart.yaml
      octomed evaluate recipes/evaluate/quickstart.yaml --set seeds=1
      octomed evaluate --compare evaluations/a evaluations/b
      octomed evaluate recipes/evaluate/quickstart.yaml --export lm-eval exported
    """
    if (recipe is None) == (compare is None):
        raise RecipeError(
            "`octomed evaluate` wants a recipe, or `--compare` with two folders",
            "`octomed evaluate RECIPE`, `octomed evaluate --compare A B`",
        )
    if compare is not None and export is not None:
        raise RecipeError("`--compare` reads results, and `--export` writes questions", "leave one out")
    need_aiohttp("asking a model", "evaluate")
    if compare is not None:
        _compare(*compare, as_json=json_output)
        return
    assert recipe is not None
    from octomed.commands import as_argument, set_options
    from octomed.evaluate import evaluate, load_evaluation_recipe
    from octomed.evaluate.display import shown_on
    from octomed.evaluate.table import lines_of

    loaded = load_evaluation_recipe(recipe, overrides or ())
    if export is not None:
        _export(loaded, *export, as_json=json_output)
        return
    again = ["octomed", "evaluate", as_argument(str(recipe)), *set_options(overrides or ())]
    with shown_on(sys.stderr, json_lines=json_output) as tell, resumable(again):
        stop_by_signals()
        results = evaluate(loaded, tell=tell)
    if json_output:
        import json

        out(json.dumps(results.values(), ensure_ascii=False))
        return
    for line in lines_of(results):
        out(line)
    log(f"report: {loaded.output / 'report.html'}")


def _export(recipe: EvaluationRecipe, harness: str, folder: Path, *, as_json: bool) -> None:
    from octomed.evaluate.harnesses import export_benchmarks

    written = export_benchmarks(recipe, harness, folder)
    if as_json:
        import json

        out(
            json.dumps(
                {name: {"files": one.files, "left_out": one.left_out} for name, one in written.items()}
            )
        )
        return
    for name, one in written.items():
        for file, questions in one.files.items():
            out(f"{name}: {questions:,} questions in {printable_line(str(folder / file))}")
        for reason, rows in one.left_out.most_common():
            out(f"{name}: {rows:,} rows left out: {reason}")


def _compare(first: Path, second: Path, *, as_json: bool) -> None:
    from octomed.evaluate.comparison import compare

    found = compare(first, second)
    if as_json:
        import json

        out(json.dumps(found.values(), ensure_ascii=False))
        return
    for line in found.lines():
        out(line)
