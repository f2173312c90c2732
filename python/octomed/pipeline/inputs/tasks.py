"""Tasks: sequential reads of inputs, each with a key that names its content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from octomed.errors import DataError
from octomed.pipeline.inputs.files import (
    column_errors,
    columns_to_read,
    csv_dialect,
    csv_names,
    file_errors,
    fingerprint_of,
    open_table,
    place_of,
)
from octomed.pipeline.inputs.folder_columns import given_columns, refuse_both, with_given
from octomed.pipeline.inputs.json_layout import with_layout
from octomed.pipeline.inputs.searched import columns_to_scan
from octomed.recipe.sniff import foreign
from octomed.storage import content_key

if TYPE_CHECKING:
    from pathlib import Path

    from octomed import _octomed
    from octomed.foreign.table import ForeignTable
    from octomed.recipe.input_file import InputFile

JSON_TASK_BYTES = 256 * 2**20
PARQUET_TASK_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Task:
    """One sequential read of one file.

    Attributes
    ----------
    file
        The input.
    begin, end
        Row groups of a Parquet file, bytes of plain JSON Lines; ``0, None`` for a whole file.
    first_row
        Row number in the file of the first row; ``None`` where only reading earlier tasks tells.
    rows
        Rows, where the file says so.
    source_bytes
        Bytes of the mapped columns before compression, as near as the file tells: for estimates.
    key
        Content key: names the task's folder in the working store.
    identity
        Content key of the file and of all that decides what a scan makes of it; the key is another one where
        the blocks were made under other settings of images, and no row has an image.
    without_images
        The key without what is said of images, of a task whose rows may have some.
    ranges
        Which bytes of an object in a store are read, in the order of reading; ``None`` of a local file.
    """

    file: InputFile
    begin: int
    end: int | None
    first_row: int | None
    rows: int | None
    source_bytes: int
    key: str
    identity: str = ""
    without_images: str | None = None
    ranges: tuple[tuple[int, int], ...] | None = None

    def folder(self, store: Path) -> Path:
        """Folder of its blocks in a working store."""
        return store / "blocks" / self.key

    @property
    def place(self) -> str:
        """Source and file, for messages."""
        return f"{self.file.source}/{self.file.relative}"


def tasks_of(file: InputFile, mapping: _octomed.Mapping, scan_key: str) -> list[Task]:
    """Cut a file into tasks.

    Parameters
    ----------
    file
        The input.
    mapping
        Its row format: says which columns are read.
    scan_key
        Content key of all that decides what a scan makes of a row.

    Raises
    ------
    DataError
        When the file cannot be read at all, or lacks a mapped column.
    """
    with file_errors(file):
        _refuse_foreign(file)
        given = given_columns(file, mapping)
        file = with_layout(file, with_given(mapping, file))
        file = replace(file, fingerprint=fingerprint_of(file))
    if file.kind == "parquet":
        spans = _parquet_spans(file, mapping)
    elif file.kind == "arrow":
        spans = _arrow_spans(file, mapping)
    elif file.kind == "jsonl" and file.compression is None:
        spans = _json_spans(file.size)
    else:
        size = file.size * (4 if file.compression else 1)
        spans = [_Span(0, None, 0, None, size, ((0, file.size),))] if file.size else []
        if spans and file.kind in {"csv", "tsv"}:
            _refuse_csv_columns(file, mapping)

    # An object's version says what time and fingerprint say of a file.
    content = (
        [file.version, file.fingerprint or None] if file.is_remote else [file.mtime_ns, file.fingerprint]
    )

    def task(span: _Span) -> Task:
        identity = {
            "scan": scan_key,
            "file": [file.relative, file.size, *content],
            "form": [file.kind, file.compression, file.rows, file.dialect, *([given] if given else [])],
            "span": [span.begin, span.end],
        }
        key = content_key(identity)
        return Task(
            file,
            span.begin,
            span.end,
            span.first_row,
            span.rows,
            span.source_bytes,
            key,
            key,
            ranges=span.ranges if file.is_remote else None,
        )

    return [task(span) for span in spans]


@dataclass(frozen=True)
class _Span:
    begin: int
    end: int | None
    first_row: int | None
    rows: int | None
    source_bytes: int
    columns: tuple[tuple[int, int], ...] | None = None

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Bytes that are read; of lines one before them, too, which tells whether a row begins there."""
        if self.columns is not None:
            return self.columns
        return ((max(0, self.begin - 1), self.end or 0),)


def _json_spans(size: int) -> list[_Span]:
    starts = range(0, size, JSON_TASK_BYTES)
    return [
        _Span(
            start,
            min(size, start + JSON_TASK_BYTES),
            0 if start == 0 else None,
            None,
            min(size - start, JSON_TASK_BYTES),
        )
        for start in starts
    ]


def _parquet_spans(file: InputFile, mapping: _octomed.Mapping) -> list[_Span]:
    """Group row groups until they pass a task's size: files of a thousand small groups make few tasks."""
    with open_table(file) as table:
        mapped = columns_to_read(mapping, table.schema.names, file)
        sizes = table.group_bytes(mapped)
        spans: list[_Span] = []
        begin = first_row = rows = size = 0
        for group, (held, bytes_held) in enumerate(zip(table.groups, sizes, strict=True)):
            rows += held
            size += bytes_held
            if size >= PARQUET_TASK_BYTES or group + 1 == len(sizes):
                read = _bytes_read(table, mapping, mapped, range(begin, group + 1))
                spans.append(_Span(begin, group + 1, first_row, rows, size, read))
                begin, first_row, rows, size = group + 1, first_row + rows, 0, 0
        return spans


def _bytes_read(
    table: ForeignTable, mapping: _octomed.Mapping, mapped: list[str], groups: range
) -> tuple[tuple[int, int], ...] | None:
    """Return where the columns of row groups lie that a scan reads of an object in a store."""
    ranges = table.ranges(columns_to_scan(mapping, table.schema, mapped), groups)
    return None if ranges is None else tuple(ranges)


def _arrow_spans(file: InputFile, mapping: _octomed.Mapping) -> list[_Span]:
    with open_table(file) as table:
        columns_to_read(mapping, table.schema.names, file)
    return [_Span(0, None, 0, None, file.size, ((0, file.size),))]


def _refuse_foreign(file: InputFile) -> None:
    """Refuse a file that is not what its name says, before a scan finds every row of it unreadable."""
    looks = foreign(file.path, file.kind, file.compression)
    if looks is not None:
        raise DataError(f"{place_of(file)} cannot be read: it is {looks.what}", looks.hint)


def _refuse_csv_columns(file: InputFile, mapping: _octomed.Mapping) -> None:
    """See that the header has the mapped columns, before a run begins that only the scan would end."""
    names = csv_names(file)
    with file_errors(file):
        refuse_both(file, mapping, names)
    with file_errors(file), column_errors(mapping, names, file):
        if names:
            csv_dialect(file).check_columns(with_given(mapping, file), names)
