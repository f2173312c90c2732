"""`octomed explain`: what a reason, a key, an error or an exit code means."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from octomed.cli.options import AsJson
from octomed.cli.terminal import out


def command(
    word: Annotated[
        str,
        typer.Argument(
            metavar="REASON|KEY|ERROR", help="A reason, a key, an error or an exit code.", show_default=False
        ),
    ],
    json_output: AsJson = False,
) -> None:
    """Say what a reason of rejects, a key of a recipe, an error or an exit code means.

    The text is that of the schema and of the documents, and names the page. The last part of a key is enough;
    of a name that there is not, the nearest are named.

    \b
    Examples:
      octomed explain over_long
      octomed explain pack.capacity
      octomed explain 3
    """
    from octomed.starter.explain import explain

    for one in explain(word):
        if json_output:
            out(json.dumps(asdict(one), ensure_ascii=False))
            continue
        out(one.title)
        for line in one.lines:
            out(f"  {line}")
