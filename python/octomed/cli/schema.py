"""`octomed schema`: the recipe's JSON Schema."""

from __future__ import annotations

import json

from octomed.cli.terminal import out_lines


def command() -> None:
    """Print the JSON Schema of a recipe. Keys that are not supported yet carry `x-status`.

    \b
    Example, for an editor that completes keys:
      octomed schema > octomed.schema.json
    """
    from octomed.recipe import schema_json

    out_lines(json.dumps(schema_json(), indent=2, ensure_ascii=False))
