"""A run's tables, row group by row group: what statistics rule out is not read, and a page ends in time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from octomed.commands import as_argument, shell_words
from octomed.errors import DataError
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.run_places import place_of, store_of
from octomed.store import StoredFile
from octomed.view.cursor import Cursor
from octomed.view.wanted import ROWS, SECONDS, Found

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed.run_file import RunFile
    from octomed.view.wanted import Wanted


class Tables:
    """The tables of a finished run; what their footers say is read once.

    Parameters
    ----------
    folder
        Of the run.
    run
        Its run file.
    """

    def __init__(self, folder: Path, run: RunFile) -> None:
        self._folder, self._run = folder, run
        self._footers: dict[str, Any] = {}
        self._names: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def names(self, prefix: str) -> list[str]:
        """Return the names of the tables that begin with a prefix."""
        with self._lock:
            if prefix not in self._names:
                self._names[prefix] = table_names(store_of(self._folder), self._run, prefix)
            return self._names[prefix]

    def has(self, name: str) -> bool:
        """Tell whether the run has a table of this name."""
        return name in (self._run.run.files or ())

    def footer(self, name: str) -> Any:  # noqa: ANN401 pyarrow's metadata of a file
        """Return what the footer of a table says.

        Raises
        ------
        DataError
            When the table is missing or damaged.
        """
        with self._lock:
            known = self._footers.get(name)
        if known is None:
            with self._reading(name) as file:
                known = pq.read_metadata(file)
            with self._lock:
                self._footers[name] = known
        return known

    def columns(self, name: str) -> set[str]:
        """Return the names of a table's columns."""
        return set(self.footer(name).schema.to_arrow_schema().names)

    def group(self, name: str, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return columns of a row group."""
        footer = self.footer(name)
        with self._reading(name) as file, pq.ParquetFile(file, metadata=footer) as table:
            return table.read_row_group(number, None if columns is None else list(columns))

    def whole(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return columns of a table, all of its rows."""
        footer = self.footer(name)
        with self._reading(name) as file, pq.ParquetFile(file, metadata=footer) as table:
            return table.read(None if columns is None else list(columns))

    def find(
        self,
        names: Sequence[str],
        wanted: Wanted,
        start: Cursor,
        *,
        most: int = ROWS,
        seconds: float | None = SECONDS,
    ) -> Found:
        """Return the next rows of some tables that are asked for.

        Parameters
        ----------
        names
            Of the tables, in the order in which they are read.
        wanted
            Which rows.
        start
            Where to begin.
        most
            How many rows at most.
        seconds
            After which it ends with what it has; None for never.
        """
        walk = _Walk(self, names, wanted, most)
        end = None if seconds is None else time.monotonic() + seconds
        after = walk.from_(start, end)
        of = sum(self.footer(name).num_rows for name in names)
        return Found(walk.rows, walk.numbers, after, of if after is None else walk.before(after), of)

    def _reading(self, name: str) -> _Reading:
        return _Reading(self._folder, name)


class _Reading:
    """A table's file while a block reads it; what goes wrong there is told of the table."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def __enter__(self) -> StoredFile:
        try:
            return StoredFile(store_of(self._folder), self._name)
        except OSError as error:
            raise self._told(error) from error

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError | pa.ArrowException | KeyError | IndexError):
            raise self._told(error) from error

    def _told(self, error: Exception) -> DataError:
        hint = (
            f"`{shell_words(['octomed', 'verify', as_argument(place_of(self._folder))])}` says what is wrong"
        )
        return DataError(f"`{place_of(self._folder, self._name)}` cannot be read: {error}", hint)


@dataclass
class _Walk:
    """A way through row groups, one after another."""

    tables: Tables
    names: Sequence[str]
    wanted: Wanted
    most: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def from_(self, start: Cursor, end: float | None) -> Cursor | None:
        """Collect rows until there are enough of them, or time is up; return where to go on."""
        for table in range(start.table, len(self.names)):
            name = self.names[table]
            first = start.group if table == start.table else 0
            for group in range(first, self.tables.footer(name).num_row_groups):
                at = Cursor(table, group)
                skipped = start.row if at.table == start.table and at.group == start.group else 0
                if at > start and end is not None and time.monotonic() > end:
                    return at
                left = self._collect(Cursor(table, group), skipped)
                if left is not None:
                    return Cursor(table, group, left)
        return None

    def _collect(self, at: Cursor, skipped: int) -> int | None:
        """Add the rows of a row group; return the first that found no room."""
        name, group = self.names[at.table], at.group
        if not self.wanted.may_be_in(self.tables.footer(name).row_group(group)):
            return None
        there = self.tables.columns(name)
        if not there.issuperset(self.wanted.columns):
            return None
        places = self._places(name, group)
        places = places[places >= skipped]
        chosen = places[: self.most - len(self.rows)]
        if len(chosen):
            self.numbers += (self.before(at) + chosen).tolist()
            self.rows += self.tables.group(name, group).take(pa.array(chosen)).to_pylist()
        return int(places[len(chosen)]) if len(chosen) < len(places) else None

    def _places(self, name: str, group: int) -> NDArray[np.int64]:
        if not self.wanted.columns:
            return np.arange(self.tables.footer(name).row_group(group).num_rows)
        return self.wanted.places(self.tables.group(name, group, self.wanted.columns))

    def before(self, at: Cursor) -> int:
        """Count the rows before a place."""
        whole = sum(int(self.tables.footer(name).num_rows) for name in self.names[: at.table])
        footer = self.tables.footer(self.names[at.table])
        return whole + sum(int(footer.row_group(group).num_rows) for group in range(at.group)) + at.row
