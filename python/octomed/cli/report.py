"""`octomed report`: a finished run as one page."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from octomed.cli.options import AsJson, RunPath
from octomed.cli.terminal import log, out
from octomed.names import shown


def command(
    output: RunPath,
    samples: Annotated[
        bool, typer.Option("--samples/--no-samples", help="Show a few texts of what was packed and left out.")
    ] = True,
    json_output: AsJson = False,
) -> None:
    """Write `report.html` and the dataset card `README.md` into a run's folder.

    `octomed pack` does so at its end, too. The report is one file that needs no network: what came in, what
    left and why, and how it was packed. It shows texts of the data unless `--no-samples` is given, or the
    recipe says `report: {samples: false}`; rows that were flagged for identifying data are never shown.
    A card that was changed by hand stays.

    \b
    Examples:
      octomed report runs/quickstart
      octomed report runs/quickstart --no-samples
    """
    from octomed.file_names import CARD, REPORT
    from octomed.pipeline.finished.run_places import place_of, run_folder
    from octomed.pipeline.finished.write_pages import write_pages

    folder = run_folder(output)
    for note in write_pages(folder, samples=samples):
        log(f"note: {note}")
    if json_output:
        out(json.dumps({name: place_of(folder, name) for name in (REPORT, CARD)}, ensure_ascii=False))
        return
    out(shown(place_of(folder, REPORT)))
    log("next: open it in a browser")
