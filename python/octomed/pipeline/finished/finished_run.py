"""The run file of an output folder whose run is finished."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.finished.run_places import place_of
from octomed.pipeline.output.manifest_file import load_manifest
from octomed.run_file import RUN_FILE, RunFile, load_run_file, usable
from octomed.state import Damaged, there

if TYPE_CHECKING:
    from pathlib import Path


def read_run(folder: Path) -> RunFile:
    """Read a finished run's ``octomed.json``.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or one of a newer format.
    StorageError
        When its ``octomed.json`` is damaged.
    """
    found = load_run_file(folder)
    if isinstance(found, RunFile):
        return found
    manifest = there(load_manifest(folder))
    command = manifest.about.command if manifest is not None else None
    if isinstance(found, Damaged):
        found = replace(found, file=place_of(folder, RUN_FILE))
        usable(found, f"delete it and run `{command}`: it is written again" if command else None)
    hint = f"`{command}` resumes it" if command else "`octomed pack RECIPE` makes or resumes one"
    raise RecipeError(f"`{shown(place_of(folder))}` holds no finished run", hint)
