"""Rows of a run's tables: read when they are asked for, a batch at a time, as Arrow, pandas or dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from octomed.errors import RecipeError
from octomed.library.shown import table_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROWS_SHOWN = 20


class Rows:
    """Rows of one or several tables of a finished run.

    Nothing is read before rows are asked for, and each time anew. Iterating gives dicts, :meth:`batches`
    Arrow's record batches: both hold one batch in memory. What takes an Arrow stream (polars, DuckDB,
    `pyarrow.table`) takes this value as it is.

    Parameters
    ----------
    read : callable
        Begins to read the batches.
    schema : pyarrow.Schema
        Of these.

    Examples
    --------
    >>> import pyarrow as pa
    >>> batch = pa.record_batch({"row": [3, 5], "reason": ["duplicate", "over_long"]})
    >>> rows = Rows(lambda: iter([batch]), batch.schema)
    >>> [row["reason"] for row in rows]
    ['duplicate', 'over_long']
    >>> rows.to_arrow().column("row").to_pylist()
    [3, 5]
    """

    def __init__(self, read: Callable[[], Iterator[pa.RecordBatch]], schema: pa.Schema) -> None:
        self._read = read
        self.schema = schema
        """Names and types of the columns."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows batch by batch; one is in memory at a time."""
        return self._read()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dicts."""
        for batch in self.batches():
            yield from batch.to_pylist()

    def to_arrow(self) -> pa.Table:
        """Return all rows as one Arrow table, in memory."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def to_pandas(self) -> Any:  # noqa: ANN401 pandas is no dependency
        """Return all rows as a pandas DataFrame.

        Raises
        ------
        RecipeError
            When pandas is not installed.
        """
        try:
            return self.to_arrow().to_pandas()
        except ImportError:
            raise RecipeError(
                "pandas is not installed", "`pip install pandas`, or use `.to_arrow()`"
            ) from None

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows to another library, a batch at a time."""
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        """Return the names of the columns."""
        return f"Rows({', '.join(self.schema.names)})"

    def _repr_html_(self) -> str:
        """Show the first rows, their texts escaped."""
        first: list[dict[str, Any]] = []
        for row in self:
            if len(first) == _ROWS_SHOWN:
                return table_html(self.schema.names, first, more=True)
            first.append(row)
        return table_html(self.schema.names, first, more=False)
