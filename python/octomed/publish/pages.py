"""The pages of a published run: its card, and its report without texts and machine unless asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed.file_names import CARD, REPORT
from octomed.pipeline.finished.run_places import store_of
from octomed.report.card import card_of
from octomed.report.card_mark import is_as_written
from octomed.report.card_values import Card
from octomed.report.recipe_text import yaml_of
from octomed.report.run_page import page_of

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.run_file import RunFile


def published_pages(
    folder: Path, public: RunFile, include: frozenset[str], repository: str
) -> tuple[dict[str, str], list[str]]:
    """Return the pages by name, and what is to be told of them.

    Parameters
    ----------
    folder
        Of the run as it lies here.
    public
        Its run file as it is published.
    include
        What is published besides.
    repository
        Where it goes: `owner/name`.
    """
    from octomed.pipeline.finished.run_report import (  # noqa: PLC0415 a short chain of imports
        decontamination_of,
        report_of,
    )

    found = report_of(folder, samples="texts" in include)
    report = replace(
        found, run=public, view=replace(found.view, folder=repository), recipe=yaml_of(public.recipe)
    )
    if "paths" not in include:
        samples = tuple(replace(one, place=one.source, detail="") for one in found.samples)
        report = replace(report, samples=samples, clusters=(), near_pictures=(), notes=())
    own = _own_card(folder)
    tables = tuple(name for name in public.run.files or () if name.endswith(".parquet"))
    card = own or card_of(Card(public, tables, decontamination_of(folder, public), repository))
    notes = ["`README.md` was changed by hand and goes as it is"] if own else []
    return {REPORT: page_of(report), CARD: card}, notes


def _own_card(folder: Path) -> str | None:
    """Return the card beside the run where somebody has changed it."""
    try:
        text = store_of(folder).read(CARD).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    return None if is_as_written(text) else text
