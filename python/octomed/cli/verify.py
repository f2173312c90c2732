"""`octomed verify`: every byte of a finished run is as it should be, or is named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.options import AsJson, RunPath, Workers
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import out_lines, resumable
from octomed.commands import as_argument, shell_words
from octomed.errors import DataError, RecipeError
from octomed.machine import cores
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.report.views import Verified


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    output: RunPath,
    workers: Workers = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare names and sizes only, and read no shard or table.")
    ] = False,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Decode every distinct image as well, and compare its size with its grid."
        ),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make damaged and missing files again, byte for byte.")
    ] = False,
    recipe: Annotated[
        Path | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help="Recipe of the run, for `--repair`, where it lies elsewhere than when the run was packed.",
        ),
    ] = None,
    json_output: AsJson = False,
) -> None:
    """Check a run: digests, offsets, token range, loss spans, counts. Exit code 3 when something is wrong.

    Every byte of the run is read, unless `--quick` is given; `--deep` decodes its images, too. The last line
    says which, and what else lies in the folder and is not covered. `--repair` makes what is damaged or
    missing again, from the working store, or from the sources where that has lost their blocks.

    \b
    Examples:
      octomed verify runs/quickstart
      octomed verify runs/quickstart --quick
      octomed verify runs/quickstart --deep
      octomed verify runs/quickstart --repair
      octomed verify runs/quickstart --json | jq .findings
    """
    from octomed.pipeline.finished.run_places import place_of, run_folder
    from octomed.report.findings import findings_json, findings_text

    folder = run_folder(output)
    if repair:
        verified = _repaired(
            folder, recipe, workers or cores(), quick=quick, deep=deep, json_output=json_output
        )
    elif recipe is not None:
        raise RecipeError("`--recipe` is for `--repair`", "give both, or none")
    else:
        from octomed.pipeline.finished.verify import verify

        verified = verify(folder, workers=workers or cores(), quick=quick, deep=deep)
    place = place_of(folder)
    out_lines(findings_json(place, verified) if json_output else findings_text(place, verified))
    if verified.findings:
        message = f"`{shown(place)}` failed verification: {len(verified.findings)} findings"
        raise DataError(message, _hint(place, verified))


def _repaired(  # noqa: PLR0913 each is an option of the verb
    folder: Path, recipe: Path | None, workers: int, *, quick: bool, deep: bool, json_output: bool
) -> Verified:
    from octomed.pipeline.finished.run_places import place_of
    from octomed.pipeline.repair.verify_repair import verify_and_repair
    from octomed.report.progress import progress_for

    with resumable(_again(place_of(folder), recipe, quick=quick, deep=deep)):
        stop_by_signals()
        return verify_and_repair(
            folder,
            recipe=recipe,
            workers=workers,
            quick=quick,
            deep=deep,
            progress=progress_for(sys.stderr, json_lines=json_output),
        )


def _again(place: str, recipe: Path | None, *, quick: bool, deep: bool) -> list[str]:
    words = ["octomed", "verify", as_argument(place), "--repair"]
    words += ["--recipe", str(recipe)] if recipe is not None else []
    return [*words, *(["--quick"] if quick else []), *(["--deep"] if deep else [])]


def _hint(place: str, verified: Verified) -> str:
    """Name the command that mends, and what stands in its way."""
    if verified.repaired is not None:
        return (
            "see what is said of each file above: a repair makes no other bytes than those that were packed"
        )
    spoiled = [finding for finding in verified.findings if not finding.missing]
    kind = "shards" if all("/shard." in finding.file for finding in spoiled) else "files"
    delete = f"delete the {kind} named above and " if spoiled else ""
    again = f"{delete}run `{verified.rebuild}`: only what is missing is written again"
    repair = shell_words(["octomed", "verify", as_argument(place), "--repair"])
    return f"{again}; or `{repair}`, which does both"
