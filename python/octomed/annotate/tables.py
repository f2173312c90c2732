"""Rows of tables and of CSV written as Parquet, with columns filled."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.inputs.files import open_table
from octomed.recipe.kinds import COLUMNAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.annotate.rows import Row
    from octomed.annotate.schema import Annotation, Value
    from octomed.recipe.input_file import InputFile

    Filled = tuple[Row, dict[str, Value | None]]
    """A row, and what it gets: a value, or None, in each column that it lacks."""

_ROWS_OF_A_GROUP = 1024
_NO_CAST = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


def write_table(
    out: BinaryIO, rows: Iterator[Filled], annotations: tuple[Annotation, ...], file: InputFile
) -> None:
    """Write rows as a Parquet file.

    Parameters
    ----------
    out
        Where to.
    rows
        With what they get.
    annotations
        The columns that are filled.
    file
        The file that the rows are of, whose types the columns have.

    Raises
    ------
    RecipeError
        When a column that is filled holds what the values are not.
    """
    types = _types_in(file)
    writer: pq.ParquetWriter | None = None
    try:
        while group := list(itertools.islice(rows, _ROWS_OF_A_GROUP)):
            table = _table(group, types, annotations, file)
            writer = writer or pq.ParquetWriter(out, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _types_in(file: InputFile) -> dict[str, pa.DataType]:
    """Return the types of a table's columns; none of a CSV file, whose fields are texts."""
    if file.kind not in COLUMNAR:
        return {}
    with open_table(file) as table:
        return {field.name: field.type for field in table.schema}


def _table(
    group: list[Filled], types: dict[str, pa.DataType], annotations: tuple[Annotation, ...], file: InputFile
) -> pa.Table:
    read = pa.Table.from_batches([row.raw for row, _ in group])
    columns = {name: _as_in_file(read[name].combine_chunks(), types.get(name)) for name in read.schema.names}
    for one in annotations:
        kind = pa.int64() if one.is_number else pa.string()
        filled = pa.array([values.get(one.column) for _, values in group], kind)
        old = columns.get(one.column)
        if old is not None:
            lacks = pa.array([one.column in values for _, values in group])
            filled = pc.if_else(lacks, filled, _of_type(old, kind, one.column, file))
        columns[one.column] = filled
    return pa.table(columns)


def _as_in_file(column: pa.Array, kind: pa.DataType | None) -> pa.Array:
    """Return a column with the type that its file has; texts, dates and decimals were read as bytes.

    Where no cast leads back it stays what the engine reads of it: a text.
    """
    if kind is None:
        text = column.cast(pa.string())
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    for ways in ((kind,), (pa.string(), kind), (pa.string(),)):
        try:
            found = column
            for one in ways:
                found = found.cast(one)
        except _NO_CAST:
            continue
        return found
    return column


def _of_type(old: pa.Array, kind: pa.DataType, name: str, file: InputFile) -> pa.Array:
    try:
        return pc.if_else(pc.equal(old, ""), None, old).cast(kind) if _is_text(old.type) else old.cast(kind)
    except _NO_CAST:
        message = f"`{name}` of `{shown(file.path)}` holds {old.type} that are no {kind}"
        raise RecipeError(message, "give the annotation a `column` of its own") from None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
