"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="Recipe, a YAML file.", show_default=False)
]
RunPath = Annotated[
    str,
    typer.Argument(metavar="OUTPUT", help="Output folder of a run, or its address.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a key of the recipe, `pack.capacity=8192`. May be repeated."
    ),
]
AsEvents = Annotated[
    bool, typer.Option("--json", help="Print events on standard error, one JSON object a line.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        max=1024,
        help="Worker threads.  [default: one per core]",
        show_default=False,
    ),
]
