"""Rows of a finished run's sources, read again by their places: only from files that are what they were."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.names import shown
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.run_places import place_of
from octomed.pipeline.inputs.files import file_errors, fingerprint_of
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.scanned import Ahead
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.pipeline.output.difference import input_state, is_same_input
from octomed.recipe.inputs import resolve_inputs
from octomed.recipe.loader import load_recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe
    from octomed.report.views import Reject

_SMALL_BLOCK_BYTES = 2**20
_KEYS = ("version", "name", "model", "sources", "output")
"""What of a recipe says where rows are: its template, say, may be gone."""

NOT_KEPT = "(the row's text was not kept by its reader)"


class SourceRows:
    """The source rows of a finished run.

    Parameters
    ----------
    folder
        The output of ``octomed pack``; its ``octomed.json`` has the recipe, and how each input was.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or one that does not say how its inputs were; when a path of
        its recipe is gone.
    """

    def __init__(self, folder: Path) -> None:
        run = read_run(folder)
        states = run.run.inputs
        if states is None:
            message = f"the run in `{place_of(folder)}` does not record its inputs"
            hint = "pack it again with this octomed"
            raise RecipeError(f"{message}, so their rows cannot be read again", hint)
        self._states = states
        values = {key: run.recipe[key] for key in _KEYS if key in run.recipe}
        self._recipe: Recipe = load_recipe(values, folder=run.run.recipe_folder or "")
        files = resolve_inputs(self._recipe)
        self._files = {(file.source, _escaped(file.relative)): file for file in files}

    def bytes_of(self, source: str) -> int:
        """Return the size of a source's files."""
        return sum(file.size for (name, _), file in self._files.items() if name == source)

    def texts(self, rejects: Iterable[Reject], most_bytes: int | None = None) -> Iterator[tuple[Reject, str]]:
        """Yield each reject with the text of its row; rejects come in the order of their tables.

        Parameters
        ----------
        rejects
            Of which texts are wanted.
        most_bytes
            Of rows that are read for all of them together: those behind are not yielded.

        Raises
        ------
        DataError
            When a file is gone or is not what the run read; it is named.
        """
        allowance = Allowance(most_bytes)
        for (source, file), group in itertools.groupby(rejects, key=lambda one: (one.source, one.file)):
            yield from self._texts_of_file(self._unchanged(source, file), group, allowance)
            if allowance.is_used:
                return

    def _unchanged(self, source: str, relative: str) -> InputFile:
        file = self._files.get((source, _escaped(relative)))
        hint = "put the file that was packed back; places and reasons are listed without `--show-text`"
        if file is None:
            raise DataError(f"`{source}/{shown(relative)}` has been removed since the run", hint)
        packed = self._states.get(source, {}).get(_escaped(relative))
        with file_errors(file):
            file = replace(file, fingerprint=fingerprint_of(file))
        if packed is None or not is_same_input(packed, input_state(file)):
            raise DataError(f"`{shown(file.path)}` (source `{source}`) changed since the run", hint)
        return file

    def _texts_of_file(
        self, file: InputFile, rejects: Iterable[Reject], allowance: Allowance
    ) -> Iterator[tuple[Reject, str]]:
        mapping = _octomed.Mapping(self._recipe.sources[file.source_index].mapping)
        wanted = list(rejects)
        texts = texts_in(file, mapping, [reject.row for reject in wanted], allowance)
        yield from zip(wanted, texts, strict=False)


def texts_in(
    file: InputFile, mapping: _octomed.Mapping, rows: Sequence[int], allowance: Allowance | None = None
) -> Iterator[str]:
    """Yield the texts of rows of a file, each as JSON where its format has columns.

    Parameters
    ----------
    file
        The file.
    mapping
        Of its rows: which columns are read.
    rows
        Numbers of rows, which do not fall; what lies before the first of a Parquet file is not read.
    allowance
        What may be read; rows behind that are not yielded.

    Raises
    ------
    DataError, StorageError
        When the file cannot be read.
    """
    allowance = allowance or Allowance(None)
    left = list(rows)
    first_row = 0
    for task in tasks_of(file, mapping, ""):
        first_row = first_row if task.first_row is None else task.first_row
        if task.rows is not None and left and left[0] >= first_row + task.rows:
            first_row += task.rows
            continue
        ahead = Ahead()
        for block in blocks_of(task, mapping, target=_SMALL_BLOCK_BYTES, ahead=ahead):
            found = _octomed.raw_rows(block, [row - first_row for row in left])
            yield from map(_text, found)
            left = left[len(found) :]
            allowance.take(block.source_bytes)
            if not left or allowance.is_used:
                return
        first_row += ahead.rows_read
    yield from (NOT_KEPT for _ in left)


@dataclass
class Allowance:
    """Counts down the bytes that may be read; None for all."""

    left: int | None

    @property
    def is_used(self) -> bool:
        """Whether no more may be read."""
        return self.left is not None and self.left <= 0

    def take(self, size: int) -> None:
        """Take what was read off."""
        self.left = None if self.left is None else self.left - size


def _text(row: bytes | pa.RecordBatch | None) -> str:
    if row is None:
        return NOT_KEPT
    if isinstance(row, bytes):
        return row.decode("utf-8", "backslashreplace")
    return json.dumps(row.to_pylist()[0], ensure_ascii=False, default=_value)


def _value(value: object) -> str:
    """Return a value that JSON does not have: readers take texts as bytes."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return f"({len(value):,} bytes that are not UTF-8)"
    return str(value)


def _escaped(relative: str) -> str:
    return relative.encode("utf-8", "backslashreplace").decode()
