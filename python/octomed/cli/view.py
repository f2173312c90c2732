"""`octomed view`: a run in a browser of this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from octomed.cli.terminal import log, out


def command(
    place: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            help="Folder or address of a packed run, or folder of a training.",
            show_default=False,
        ),
    ],
    train: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Folder of a training to show beside the run.")
    ] = None,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port of the pages; 0 for any that is free.")
    ] = 0,
) -> None:
    """Show a run in a browser: packs as the model sees them, what was left out, curves.

    Prints an address of this machine (127.0.0.1) with a random token, and serves its pages until Ctrl-C.
    They show texts of the data: mind who can see your screen. Rows that were flagged for identifying data
    are masked until asked for. Nothing is written, and nothing is read but the run and rows of its sources.
    A run that is being packed says what is there so far. Needs the extra `view`.

    \b
    Examples:
      octomed view runs/quickstart
      octomed view s3://bucket/runs/one --port 8000
      octomed view runs/quickstart-train --train runs/train/quickstart
    """
    from octomed.cli.signals import stop_by_signals

    stop_by_signals()
    from octomed.view import show

    def said(address: str) -> None:
        out(address)
        sys.stdout.flush()
        log("open it in a browser of this machine; Ctrl-C ends")

    show(place, train=train, port=port, said=said)
