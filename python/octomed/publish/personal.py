"""Traces that were flagged for identifying data and are packed all the same: none goes by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.finished.run_places import place_of
from octomed.pipeline.finished.run_tables import rows_of
from octomed.report.identifying import identifying_parts

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.run_file import RunFile

_TABLE = "reports/identifying.parquet"


def refuse_identifying(folder: Path, run: RunFile, include: frozenset[str]) -> None:
    """Refuse to publish packs that may hold flagged traces as they came.

    Parameters
    ----------
    folder, run
        The run.
    include
        What is published besides.

    Raises
    ------
    RecipeError
        When a part of the recipe only reports them, and some were found.
    """
    actions = {part.get("action", "reject") for part in identifying_parts(run) if isinstance(part, dict)}
    if "identifying" in include or "report" not in actions:
        return
    if next(rows_of(folder, run, _TABLE, ["source"]), None) is None:
        return
    message = f"`{shown(place_of(folder))}` holds traces that were flagged for identifying data, as they came"
    hint = "pack it with `curate.identifying: {action: mask}` or `reject`; or say `--include identifying`"
    raise RecipeError(message, hint)
