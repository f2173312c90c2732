"""What was looked at, in lines for a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.names import shown
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.starter.draft import Looked

_ROWS = 2
_LONGEST = 400
"""Characters of a value that are shown."""
_FULL = 20


def lines_of(looked: Looked) -> Iterator[str]:
    """Yield what a dataset is: its files, and each column with what it holds.

    Parameters
    ----------
    looked
        The dataset.
    """
    files = f"{units.count(looked.files)} file{'' if looked.files == 1 else 's'}"
    size = units.bytes_of(looked.bytes)
    yield f"{looked.name}: {files}, {size}, {looked.first.kind}; the first rows of `{_file(looked)}`:"
    columns = looked.shown_columns
    width = max((len(one.name) for one in columns), default=0)
    for one in columns:
        filled = "" if one.filled == one.rows else f", in {one.filled} of {one.rows} rows"
        longest = f", at most {units.count(one.characters)} characters" if one.characters else ""
        yield f"  {shown(one.name):{width}}  {one.kind}{longest}{filled}"
    if hidden := len(looked.columns) - len(columns):
        yield f"  {hidden} more, whose names are not shown: they may be values of a row"
    row_format = looked.values["format"]
    called = f"`{row_format}`" if isinstance(row_format, str) else json.dumps(row_format, ensure_ascii=False)
    yield f"  format {called}: {looked.found}"


def _file(looked: Looked) -> str:
    return shown(looked.first.relative)


def rows_as_text(looked: Looked) -> str:
    """Return the first rows, long values cut.

    Parameters
    ----------
    looked
        The dataset.
    """
    lines = []
    for number, row in enumerate(looked.rows[:_ROWS]):
        lines.append(f"  row {number}")
        lines += [f"    {shown(name)}: {_cut(value)}" for name, value in row.items()]
    return "\n".join(lines)


def _cut(value: Any) -> str:  # noqa: ANN401 any value of a row
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_bytes)
    text = shown(text[:_LONGEST])
    return f"{text}…" if len(text) >= _LONGEST else text


def _bytes(value: Any) -> str:  # noqa: ANN401 what JSON does not have
    return f"({len(value):,} bytes)" if isinstance(value, bytes) else str(value)
