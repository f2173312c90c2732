"""`octomed schema`: the JSON Schema of a recipe, and of events."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated

import typer

from octomed.cli.terminal import out_lines


class What(str, Enum):
    """What there is a schema of."""

    recipe = "recipe"
    events = "events"


def command(
    what: Annotated[What, typer.Argument(metavar="WHAT", help="`recipe` or `events`.")] = What.recipe,
) -> None:
    """Print the JSON Schema of a recipe, or of the events that `--json` prints.

    Keys of a recipe that are not supported yet carry `x-status`.

    \b
    Example, for an editor that completes keys:
      octomed schema > octomed.schema.json
      octomed schema events > events.schema.json
    """
    if what is What.events:
        from octomed.report.events import events_schema

        schema = events_schema()
    else:
        from octomed.recipe import schema_json

        schema = schema_json()
    out_lines(json.dumps(schema, indent=2, ensure_ascii=False))
