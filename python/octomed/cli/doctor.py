"""`octomed doctor`: what of the machine a run would meet, for people and for bug reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from octomed.cli.options import AsJson, Overrides
from octomed.cli.terminal import out
from octomed.errors import StorageError


def command(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="Recipe, a YAML file.", show_default=False)
    ] = None,
    overrides: Overrides = None,
    json_output: AsJson = False,
) -> None:
    """Look at the machine: versions, cores, memory, disks, credentials, GPUs.

    Given a recipe, also at each path that it names. What is printed fits a bug report: where credentials
    are found and never what they are, no queries of addresses, and no home folder. Nothing is left behind.
    Exit code 4 when a path cannot be reached; warnings change nothing.

    \b
    Examples:
      octomed doctor
      octomed doctor recipes/quickstart.yaml --json
    """
    from octomed.pipeline.doctor.doctor import diagnose

    diagnosis, error = diagnose(recipe, overrides or ())
    if json_output:
        out(json.dumps(diagnosis.values(), ensure_ascii=False))
    else:
        for line in diagnosis.lines():
            out(line)
    if error is not None:
        raise error
    failed = diagnosis.of("failed")
    if failed:
        message = f"{failed[0].name}: {failed[0].said}"
        several = f"{len(failed)} things fail, the first is " if len(failed) > 1 else ""
        raise StorageError(several + message, failed[0].hint)
