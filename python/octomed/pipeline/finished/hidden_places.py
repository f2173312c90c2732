"""Rows of a finished run whose texts nobody is shown unasked: they say whom they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.pipeline.finished.run_tables import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.run_file import RunFile

NEVER_SHOWN = frozenset({"identifying"})
"""Reasons whose rows are hidden: what they were left out for must not be seen."""

_TABLE = "reports/identifying.parquet"
_COLUMNS = ["source", "file", "row"]


def hidden_places(folder: Path, run: RunFile) -> frozenset[tuple[str, str, int]]:
    """Return the rows that were flagged for identifying data, whatever became of them.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    run
        Its run file.

    Returns
    -------
    frozenset of (str, str, int)
        Source, file and row of each, rows counted from 0, as provenance and rejects have them; empty where
        the recipe does not look for identifying data.

    Raises
    ------
    DataError
        When the table of them is missing or damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> from octomed.run_file import RunFile
    >>> hidden_places(Path("runs/quickstart"), RunFile(streams={}))
    frozenset()
    """
    return frozenset(map(place_of_row, rows_of(folder, run, _TABLE, columns=_COLUMNS)))


def place_of_row(row: dict[str, object]) -> tuple[str, str, int]:
    """Return where a line of provenance, rejects or another table is from: source, file and row.

    Examples
    --------
    >>> place_of_row({"source": "questions", "file": "a.jsonl", "row": 7, "reason": "duplicate"})
    ('questions', 'a.jsonl', 7)
    """
    return str(row["source"]), str(row["file"]), int(str(row["row"]))
