"""The Parquet tables of a finished run, read batch by batch."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed.commands import as_argument, shell_words
from octomed.errors import DataError
from octomed.pipeline.finished.run_places import place_of, store_of
from octomed.store import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow.compute as pc

    from octomed.run_file import RunFile


def batches_of(folder: Path, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a table of a finished run.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    name
        Of the table, below it.
    columns
        Those to read; all by default.

    Raises
    ------
    DataError
        When the table is missing or damaged.
    """
    with _opened(folder, name) as table:
        yield from table.iter_batches(columns=columns)


def schema_of(folder: Path, name: str) -> pa.Schema:
    """Return names and types of the columns of a table of a finished run.

    Parameters
    ----------
    folder, name
        As for :func:`batches_of`.

    Raises
    ------
    DataError
        When the table is missing or damaged.
    """
    with _opened(folder, name) as table:
        return table.schema_arrow


def rows_where(
    folder: Path, name: str, wanted: pc.Expression, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a table of a finished run that are asked for.

    Parameters
    ----------
    folder, name, columns
        As for :func:`batches_of`.
    wanted
        What holds of them.

    Raises
    ------
    DataError
        When the table is missing or damaged.
    """
    with _readable(folder, name), StoredFile(store_of(folder), name) as file:
        rows: list[dict[str, Any]] = pq.read_table(file, columns=columns, filters=wanted).to_pylist()
        return rows


@contextlib.contextmanager
def _opened(folder: Path, name: str) -> Iterator[pq.ParquetFile]:
    with (
        _readable(folder, name),
        StoredFile(store_of(folder), name) as file,
        pq.ParquetFile(file) as table,
    ):
        yield table


@contextlib.contextmanager
def _readable(folder: Path, name: str) -> Iterator[None]:
    """Say of a table that does not read which it is, and what says more."""
    try:
        yield
    except (OSError, pa.ArrowException, KeyError) as error:
        hint = f"`{shell_words(['octomed', 'verify', as_argument(place_of(folder))])}` says what is wrong"
        raise DataError(f"`{place_of(folder, name)}` cannot be read: {error}", hint) from error


def rows_of(
    folder: Path, run: RunFile, name: str, columns: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table of findings; none where the run has no such table.

    Parameters
    ----------
    folder, name, columns
        As for :func:`batches_of`.
    run
        Its run file, which names its tables.

    Raises
    ------
    DataError
        When the table is missing or damaged.
    """
    if name in (run.run.files or ()):
        for batch in batches_of(folder, name, columns):
            yield from batch.to_pylist()
