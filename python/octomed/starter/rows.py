"""The first rows of a dataset's first file, as plain values, before anything is known of their format."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.inputs.files import open_table
from octomed.pipeline.inputs.found_format import columns_of
from octomed.pipeline.inputs.json_layout import json_shape, with_layout
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import Task
from octomed.recipe.kinds import COLUMNAR
from octomed.recipe.presets import load_preset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.recipe.input_file import InputFile

_ROWS = 20
_BLOCK_BYTES = 2**16
_ANY = "octomed"
_SAYS_NO_LINES = re.compile(r"\.json(\.\w+)?$")


@dataclass(frozen=True)
class FirstRows:
    """What a file begins with.

    Attributes
    ----------
    file
        The file; with the key that leads to its rows where it is an object that holds them in a list.
    columns
        Names of its columns, or keys of its first rows.
    rows
        A few of them.
    """

    file: InputFile
    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


def first_rows(files: Sequence[InputFile]) -> FirstRows:
    """Read the first rows of the first file that has any.

    Raises
    ------
    DataError
        When none can be read.
    """
    failure: DataError | None = None
    for file in files:
        try:
            found = _of_file(file)
        except DataError as error:
            failure = failure or error
            continue
        if found.columns:
            return found
    if failure is not None:
        raise failure
    raise DataError("there is no row to look at", "see what the files hold")


def _of_file(file: InputFile) -> FirstRows:
    file = _with_rows(file)
    columns = _columns(file)
    rows = tuple(_table_rows(file, columns) if file.kind in COLUMNAR else _text_rows(file, columns))
    return FirstRows(file, tuple(columns), rows)


def _columns(file: InputFile) -> list[str]:
    """Return the columns of a file; the only object of one may be a row of any."""
    try:
        return columns_of(file)
    except DataError:
        if file.kind not in {"json", "jsonl"} or file.rows is not None:
            raise
        shape = json_shape(file)
        if shape.layout != "object":
            raise
        return list(dict.fromkeys(name for name, _ in shape.keys))


def _with_rows(file: InputFile) -> InputFile:
    """Return a JSON file that is one object with a single list of objects with the key of that list.

    One whose name says that its lines are rows may have a single row, with turns in a list.
    """
    if not _SAYS_NO_LINES.search(file.relative) or file.rows is not None:
        return file
    shape = json_shape(file)
    if shape.layout != "object":
        return file
    lists = [name for name, held in shape.keys if held == "objects"]
    scalars = [name for name, held in shape.keys if held == "other"]
    return replace(file, rows=lists[0]) if len(lists) == 1 and not scalars else file


def _table_rows(file: InputFile, columns: list[str]) -> list[dict[str, Any]]:
    with open_table(file) as table:
        groups = range(min(1, len(table.groups)))
        for batch in table.batches(columns, columns, groups):
            return [_plain(row) for row in batch.slice(0, _ROWS).to_pylist()]
    return []


def _text_rows(file: InputFile, columns: list[str]) -> Iterator[dict[str, Any]]:
    mapping = _octomed.Mapping(load_preset(_ANY))
    if file.kind in {"csv", "tsv"}:
        mapping = _octomed.Mapping({"question": list(columns), "response": columns[0]})
    laid_out = file if file.kind in {"csv", "tsv", "tar"} else with_layout(file, _mapping_of_any(columns))
    task = Task(laid_out, 0, None if file.compression else file.size, 0, None, file.size, "")
    left = _ROWS
    for block in blocks_of(task, mapping, target=_BLOCK_BYTES):
        first = block.first_ordinal
        for row in _octomed.raw_rows(block, list(range(first, first + min(block.rows, left)))):
            value = _value(row)
            if isinstance(value, dict):
                yield value
        left -= block.rows
        if left <= 0:
            break


def _mapping_of_any(columns: list[str]) -> _octomed.Mapping:
    """Return a mapping under which an object with any of these keys is a row."""
    column = {"any_of": list(columns), "optional": True}
    return _octomed.Mapping({"question": column, "response": column})


def _value(row: Any) -> Any:  # noqa: ANN401 as the engine keeps it
    if row is None:
        return None
    if isinstance(row, bytes):
        try:
            return json.loads(row)
        except ValueError:
            return None
    return _plain(row.to_pylist()[0])


def _plain(value: Any) -> Any:  # noqa: ANN401 any value of a row
    """Return a value with texts where a reader has their bytes."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    return value
