"""A benchmark as VLMEvalKit's TSV: `$LMUData/NAME.tsv` is a data set of its own there.

What its reader (`vlmeval/dataset/image_base.py`) and pandas below it do with a file decides its form:
rows of a file with images that have none are dropped, so these have a file of their own; several images of
a row are a list as Python writes it, and want a list of names beside it; a cell that pandas takes for missing
is no option.
"""

from __future__ import annotations

import base64
import csv
from typing import TYPE_CHECKING

from octomed.distill.requests import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.evaluate.harnesses.questions import Plain

_MISSING = frozenset(
    {
        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
        "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    }
)  # fmt: skip
"""Texts that pandas reads as missing values, quoted or not."""


def write_tsv(folder: Path, name: str, questions: Sequence[Plain]) -> dict[str, int]:
    """Write a benchmark's file, and one of the questions without images where both are.

    Parameters
    ----------
    folder
        What `LMUData` names; it is there.
    name
        Of the benchmark.
    questions
        All with options, or none.

    Returns
    -------
    dict
        Names of files, and questions in each.
    """
    shown = [one for one in questions if one.images]
    others = [one for one in questions if not one.images]
    files = {f"{name}.tsv": shown or others, f"{name}-text.tsv": others if shown else []}
    for file, some in files.items():
        if some:
            _write(folder / file, some)
    return {file: len(some) for file, some in files.items() if some}


def _write(path: Path, questions: Sequence[Plain]) -> None:
    letters = sorted({letter for one in questions for letter in one.options})
    columns = ["index", "question", *letters, "answer", "place"]
    if questions[0].images:
        columns += ["image", "image_path"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", restval="", lineterminator="\n")
        writer.writeheader()
        for index, one in enumerate(questions):
            options = {letter: readable(text) for letter, text in one.options.items()}
            cells = {"index": index, "question": readable(one.question), **options}
            cells |= {"answer": readable(one.answer), "place": one.place}
            writer.writerow(cells | _images(index, one.images))


def _images(index: int, images: Sequence[bytes]) -> dict[str, str]:
    if not images:
        return {}
    names = [f"{index}_{number}.{kind_of(image)}" for number, image in enumerate(images, start=1)]
    coded = [base64.b64encode(image).decode() for image in images]
    return {
        "image": coded[0] if len(coded) == 1 else repr(coded),
        "image_path": names[0] if len(names) == 1 else repr(names),
    }


def readable(text: str) -> str:
    """Return a text that pandas reads as a text: one that it would take for missing gets a full stop.

    Examples
    --------
    >>> readable("None"), readable("None of these")
    ('None.', 'None of these')
    """
    return f"{text}." if text.strip() in _MISSING else text.replace("\r\n", "\n").replace("\r", "\n")
