"""`octomed report`: a finished run as one page."""

from __future__ import annotations

from typing import Annotated

import typer

from octomed.cli.options import RunPath
from octomed.cli.terminal import log, out
from octomed.names import shown


def command(
    output: RunPath,
    samples: Annotated[
        bool, typer.Option("--samples/--no-samples", help="Show a few texts of what was packed and left out.")
    ] = True,
) -> None:
    """Write `report.html` into a run's folder: what came in, what left and why.

    It says how the rest was packed, too. One file that needs no network. It shows texts of the data unless
    `--no-samples` is given, or the recipe says `report: {samples: false}`; rows that were flagged for
    identifying data are never shown.

    \b
    Examples:
      octomed report runs/quickstart
      octomed report runs/quickstart --no-samples
    """
    from octomed.pipeline.finished.run_places import place_of, run_folder
    from octomed.pipeline.finished.run_report import write_report

    folder = run_folder(output)
    path = write_report(folder, samples=samples)
    out(shown(place_of(folder, path.name)))
    log("next: open it in a browser")
