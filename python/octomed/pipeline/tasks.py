"""Tasks: sequential reads of inputs, each with a key that names its content."""

from __future__ import annotations

import contextlib
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.errors import DataError, OctomedError
from octomed.names import shown
from octomed.pipeline.json_layout import with_layout
from octomed.pipeline.nearest_format import near_formats
from octomed.pipeline.storage import content_key, storage_error
from octomed.recipe.opening import native
from octomed.recipe.sniff import foreign, suspected
from octomed.report.fit import formats_in_words, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
        identity = [scan_key, file.relative, file.size, file.mtime_ns, file.kind, span.begin, span.end]
        identity += file.dialect or ()
        identity += [file.rows] if file.rows is not None else []
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
        raise DataError(f"{_place(file)} cannot be read: it is {looks.what}", looks.hint)


@contextlib.contextmanager
def open_arrow(file: InputFile) -> Iterator[Any]:
    """Open an Arrow file or stream, as `datasets` saves them, to be read batch by batch.

    Raises
    ------
    DataError
        When it is cut off.
    """
    with native(file.path) as source:
        if source.read(6) == b"ARROW1":
            source.seek(0)
            yield pa.ipc.open_file(source)
            return
        source.seek(max(0, file.size - len(_END_OF_STREAM)))
        if source.read(len(_END_OF_STREAM)) != _END_OF_STREAM:
            raise DataError("the Arrow stream has no end: the file is cut off", "copy or write it again")
        source.seek(0)
        yield pa.ipc.open_stream(source)


_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def _refuse_csv_columns(file: InputFile, mapping: _octomed.Mapping) -> None:
    """See that the header has the mapped columns, before a run begins that only the scan would end."""
    from octomed.pipeline.read import csv_dialect, csv_names  # noqa: PLC0415 the readers need this module

    names = csv_names(file)
    with naming(file), _naming_formats(mapping, names, file):
        if names:
            csv_dialect(file).check_columns(mapping, names)


def columns_to_read(mapping: _octomed.Mapping, names: list[str], file: InputFile) -> list[str]:
    """Columns of a Parquet file that a scan needs.

    Raises
    ------
    DataError
        When a mapped column is missing, or several columns have one name.
    """
    with naming(file), _naming_formats(mapping, names, file):
        return mapping.columns_to_read(names)


@contextlib.contextmanager
def _naming_formats(mapping: _octomed.Mapping, names: list[str], file: InputFile) -> Iterator[None]:
    """Add to an error about a missing column which columns there are, and which format suits them."""
    try:
        yield
    except DataError as error:
        if not _octomed.mapped_columns(mapping, names)[0]:
            raise
        near = near_formats(names)
        here = f"columns here: {listed(names)}; {formats_in_words(near)}"
        key = f"sources.{file.source}.format"
        suits = f"set `{key}: {near[0].name}`" if near and near[0].fits else None
        similar = error.hint if error.hint and not error.hint.startswith("its columns are") else None
        advice = "; or ".join(filter(None, [similar, suits]))
        hint = advice or f"name the columns in `{key}` (docs/recipe.md, Formats)"
        raise DataError(f"{error.message}, so that no row fits; {here}", hint) from error


_BROKEN = (pa.ArrowException, EOFError, UnicodeError, lzma.LZMAError)
"""What a file that is not whole raises; a length that a flipped bit made huge asks for memory."""


def _place(file: InputFile) -> str:
    return f"`{shown(file.path)}` (source `{file.source}`)"


class naming:  # noqa: N801 reads as the statement it is
    """Adds the file's name to errors that do not know it, and turns pyarrow's into ours."""

    def __init__(self, file: InputFile) -> None:
        self.file = file

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Re-raise ``error`` with the file's name."""
        place = _place(self.file)
        hint = "mend or remove the file; `on_bad_file: skip` in the source leaves such files out"
        if isinstance(error, DataError) and not error.message.startswith(place):
            raise DataError(f"{place}: {error.message}", error.hint or hint) from error
        if isinstance(error, OctomedError) or error is None:
            return
        if isinstance(error, _BROKEN):
            looks = suspected(self.file.path, self.file.kind, self.file.compression)
            if looks is not None:
                raise DataError(f"{place} cannot be read: it looks like {looks.what}", looks.hint) from error
            raise DataError(f"{place} cannot be read: {_first_line(error)}", hint) from error
        if isinstance(error, OSError):
            if error.errno is None:
                raise DataError(f"{place} cannot be read: {_first_line(error)}", hint) from error
            raise storage_error("read", self.file.path, error) from error


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class open_parquet:  # noqa: N801 used as a statement
    """Opens a Parquet file in bounded memory: streamed column chunks, no read-ahead of whole row groups."""

    def __init__(self, file: InputFile) -> None:
        self._naming = naming(file)
        self._path = file.path

    def __enter__(self) -> pq.ParquetFile:
        """Open."""
        try:
            self._source = native(self._path)
            self._file = pq.ParquetFile(self._source, pre_buffer=False, buffer_size=2**20)
        except (pa.ArrowException, OSError) as error:
            self._naming.__exit__(type(error), error, None)
            raise
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close, and name the file in any error."""
        self._file.close()
        self._source.close()
        self._naming.__exit__(kind, error, trace)


def unchanged(files: Iterable[InputFile]) -> None:
    """Check that inputs are what they were when the plan was made.

    Raises
    ------
    DataError
        When one has another size or time.
    """
    for file in files:
        try:
            found = Path(file.path).stat()
        except OSError as error:
            raise storage_error("read", file.path, error) from error
        if (found.st_size, found.st_mtime_ns) != (file.size, file.mtime_ns):
            raise DataError(
                f"`{shown(file.path)}` changed while the run read it",
                "run the same command again once it is complete",
            )
