"""Tasks: sequential reads of inputs, each with a key that names its content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.files import (
    columns_to_read,
    csv_dialect,
    csv_names,
    naming,
    naming_formats,
    open_arrow,
    open_parquet,
    place_of,
)
from octomed.pipeline.json_layout import with_layout
from octomed.recipe.sniff import foreign
from octomed.storage import content_key, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow.parquet as pq

    from octomed.recipe import InputFile

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
    """

    file: InputFile
    begin: int
    end: int | None
    first_row: int | None
    rows: int | None
    source_bytes: int
    key: str

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
    with naming(file):
        _refuse_foreign(file)
        file = with_layout(file, mapping)
        file = replace(file, fingerprint=_octomed.fingerprint(file.path))
    if file.kind == "parquet":
        spans = _parquet_spans(file, mapping)
    elif file.kind == "arrow":
        spans = _arrow_spans(file, mapping)
    elif file.kind == "jsonl" and file.compression is None:
        spans = _json_spans(file.size)
    else:
        spans = [_Span(0, None, 0, None, file.size * (4 if file.compression else 1))] if file.size else []
        if spans and file.kind in {"csv", "tsv"}:
            _refuse_csv_columns(file, mapping)

    def task(span: _Span) -> Task:
        identity = {
            "scan": scan_key,
            "file": [file.relative, file.size, file.mtime_ns, file.fingerprint],
            "form": [file.kind, file.compression, file.rows, file.dialect],
            "span": [span.begin, span.end],
        }
        return Task(
            file, span.begin, span.end, span.first_row, span.rows, span.source_bytes, content_key(identity)
        )

    return [task(span) for span in spans]


@dataclass(frozen=True)
class _Span:
    begin: int
    end: int | None
    first_row: int | None
    rows: int | None
    source_bytes: int


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
    with open_parquet(file) as parquet:
        metadata = parquet.metadata
        _refuse_missing_rows(metadata)
        _refuse_broken_names(parquet.schema_arrow)
        columns = set(columns_to_read(mapping, parquet.schema_arrow.names, file))
        leaves = [
            index
            for index in range(metadata.num_columns)
            if metadata.schema.column(index).path.split(".")[0] in {name.split(".")[0] for name in columns}
        ]
        spans: list[_Span] = []
        begin = first_row = rows = size = 0
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            rows += row_group.num_rows
            size += sum(row_group.column(leaf).total_uncompressed_size for leaf in leaves)
            if size >= PARQUET_TASK_BYTES or group + 1 == metadata.num_row_groups:
                spans.append(_Span(begin, group + 1, first_row, rows, size))
                begin, first_row, rows, size = group + 1, first_row + rows, 0, 0
        return spans


def _refuse_missing_rows(metadata: pq.FileMetaData) -> None:
    """Compare what the footer says three times: a flipped bit in one would leave rows out without a word."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    held = sum(group.num_rows for group in groups)
    if held != metadata.num_rows:
        raise DataError(
            f"its footer says {metadata.num_rows:,} rows, and its row groups {held:,}: it is damaged"
        )
    for number, group in enumerate(groups):
        for index in range(metadata.num_columns):
            # A list has more values than rows and a plain column as many.
            column = metadata.schema.column(index)
            values = group.column(index).num_values
            if column.max_repetition_level == 0 and values != group.num_rows:
                message = f"row group {number} has {group.num_rows:,} rows, and {values:,} of `{column.path}`"
                raise DataError(f"{message}: the file is damaged")


def _arrow_spans(file: InputFile, mapping: _octomed.Mapping) -> list[_Span]:
    with naming(file), open_arrow(file) as reader:
        _refuse_broken_names(reader.schema)
        columns_to_read(mapping, reader.schema.names, file)
    return [_Span(0, None, 0, None, file.size)]


def _refuse_broken_names(schema: pa.Schema) -> None:
    """Raise where a field's name, however deep, is not UTF-8: nothing behind this can hold such a name."""
    for field in schema:
        _field_names(field)


def _field_names(field: pa.Field) -> list[str]:
    kind = field.type
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    inner = [kind.field(index) for index in range(kind.num_fields)]
    return [field.name, *(name for one in inner for name in _field_names(one))]


def _refuse_foreign(file: InputFile) -> None:
    """Refuse a file that is not what its name says, before a scan finds every row of it unreadable."""
    looks = foreign(file.path, file.kind, file.compression)
    if looks is not None:
        raise DataError(f"{place_of(file)} cannot be read: it is {looks.what}", looks.hint)


def _refuse_csv_columns(file: InputFile, mapping: _octomed.Mapping) -> None:
    """See that the header has the mapped columns, before a run begins that only the scan would end."""
    names = csv_names(file)
    with naming(file), naming_formats(mapping, names, file):
        if names:
            csv_dialect(file).check_columns(mapping, names)


def unchanged(files: Iterable[InputFile]) -> None:
    """Check that inputs are what they were when the plan was made.

    Raises
    ------
    DataError
        When one has another size, time or fingerprint.
    """
    for file in files:
        try:
            found = Path(file.path).stat()
            content = _octomed.fingerprint(file.path)
        except OSError as error:
            raise storage_error("read", file.path, error) from error
        if (found.st_size, found.st_mtime_ns, content) != (file.size, file.mtime_ns, file.fingerprint):
            raise DataError(
                f"`{shown(file.path)}` changed while the run read it",
                "run the same command again once it is complete",
            )
