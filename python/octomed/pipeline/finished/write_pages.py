"""`report.html` and the dataset card of a finished run, written beside its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from octomed.file_names import CARD, REPORT
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.inspect_packs import mode_of
from octomed.pipeline.finished.run_places import far_run, place_of, store_of
from octomed.pipeline.output.pages import put_pages
from octomed.report.card import card_of
from octomed.report.card_values import Card
from octomed.report.run_page import page_of
from octomed.store import LocalStore

if TYPE_CHECKING:
    from octomed.run_file import RunFile
    from octomed.store import Store


def write_pages(folder: Path, *, samples: bool = True) -> list[str]:
    """Write `report.html` and `README.md` beside a finished run's files.

    Parameters
    ----------
    folder
        The output of ``octomed pack``, or the folder of a run at an address, where they are put then.
    samples
        Whether texts of traces and rows are shown; a recipe that says `report: {samples: false}` shows none.

    Returns
    -------
    list of str
        What is to be told: a card that was changed by hand is left as it is.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    DataError
        When a table of the run is missing or damaged.
    StorageError
        When they cannot be written.
    """
    return put_pages(_writable(folder), pages_of(folder, samples=samples), place_of(folder))


def pages_of(folder: Path, *, samples: bool = True) -> dict[str, str]:
    """Return the pages of a finished run by their names.

    Parameters
    ----------
    folder, samples
        As for :func:`write_pages`.

    Raises
    ------
    RecipeError, DataError
        As there.
    """
    from octomed.pipeline.finished.run_report import report_of  # noqa: PLC0415 a short chain of imports

    return {REPORT: page_of(report_of(folder, samples=samples)), CARD: card_of(card_values(folder))}


def card_values(folder: Path, run: RunFile | None = None) -> Card:
    """Return what the dataset card of a finished run says.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    run
        Its run file, where it is at hand.

    Raises
    ------
    RecipeError, DataError
        As for :func:`write_pages`.
    """
    from octomed.pipeline.finished.run_report import decontamination_of  # noqa: PLC0415 as above

    run = run or read_run(folder)
    tables = tuple(name for name in run.run.files or () if name.endswith(".parquet"))
    return Card(run, tables, decontamination_of(folder, run))


def _writable(folder: Path) -> Store:
    """Return the run's files, to be written as all else of it was."""
    return store_of(folder) if far_run(folder) is not None else LocalStore(folder, mode_of(folder))
