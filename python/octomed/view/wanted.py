"""Which rows of a run's tables are asked for, and what of them was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from octomed.view.cursor import Cursor

ROWS = 50
"""Of a page."""
SECONDS = 0.1
"""After which a page ends with what was found until then: a link goes on."""


@dataclass(frozen=True)
class Wanted:
    """Which rows of a table are asked for.

    Attributes
    ----------
    equal
        Values of columns.
    within
        Smallest and largest value of columns of numbers, both included.
    any_within
        The same of columns of lists of numbers: one of them is enough.
    one_of
        Several values of columns, any of which is enough.

    Examples
    --------
    >>> Wanted(equal={"source": "films"}).columns
    ['source']
    """

    equal: Mapping[str, Any] = field(default_factory=dict)
    within: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    any_within: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    one_of: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Columns that decide."""
        return [*self.equal, *self.within, *self.any_within, *self.one_of]

    def places(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the numbers of the rows that are asked for, in order."""
        chosen = np.ones(table.num_rows, bool)
        for name, value in self.equal.items():
            chosen &= _is_one_of(table[name], [value])
        for name, values in self.one_of.items():
            chosen &= _is_one_of(table[name], values)
        for name, (least, most) in self.within.items():
            numbers = table[name].to_numpy()
            chosen &= (numbers >= least) & (numbers <= most)
        for name, (least, most) in self.any_within.items():
            chosen &= _has_one_within(table[name].combine_chunks(), least, most)
        return np.flatnonzero(chosen)

    def may_be_in(self, group: Any) -> bool:  # noqa: ANN401 a row group's metadata, as pyarrow has it
        """Tell by its statistics whether a row group may hold such a row."""
        bounds = dict(_bounds(group, {*self.equal, *self.within}))
        wanted = {**self.within, **{name: (value, value) for name, value in self.equal.items()}}
        return all(
            name not in bounds or (bounds[name][0] <= most and least <= bounds[name][1])
            for name, (least, most) in wanted.items()
        )


def _is_one_of(column: pa.ChunkedArray, values: Sequence[Any]) -> NDArray[np.bool_]:
    """Compare a column with values; of a dictionary its few entries are compared, and not its rows."""
    parts = [np.empty(0, bool)]
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            parts.append(
                pc.is_in(chunk, value_set=pa.array(values, chunk.type)).to_numpy(zero_copy_only=False)
            )
        elif len(chunk):
            same = pc.is_in(chunk.dictionary, value_set=pa.array(values, chunk.dictionary.type))
            numbers = chunk.indices.to_numpy(zero_copy_only=False)
            parts.append(same.to_numpy(zero_copy_only=False)[numbers])
    return np.concatenate(parts)


def _has_one_within(lists: pa.ListArray, least: int, most: int) -> NDArray[np.bool_]:
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    numbers = lists.flatten().to_numpy()
    rows = np.repeat(np.arange(len(lengths)), lengths)
    found = np.zeros(len(lengths), bool)
    found[rows[(numbers >= least) & (numbers <= most)]] = True
    return found


def _bounds(group: Any, names: set[str]) -> Any:  # noqa: ANN401 as above
    """Yield the smallest and the largest value of columns of a row group, where it says them."""
    for number in range(group.num_columns):
        column = group.column(number)
        statistics = column.statistics if column.path_in_schema in names else None
        if statistics is not None and statistics.has_min_max:
            yield column.path_in_schema, (statistics.min, statistics.max)


@dataclass(frozen=True)
class Found:
    """A page of rows.

    Attributes
    ----------
    rows
        As plain values.
    numbers
        Of the rows, counted from the first of the first table.
    after
        Where the next page begins; None at the end.
    looked_at, of
        How many rows lie before that, and how many there are.
    """

    rows: list[dict[str, Any]]
    numbers: list[int]
    after: Cursor | None
    looked_at: int
    of: int
