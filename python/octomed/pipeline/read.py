"""Readers: a task's bytes, in order and in bounded memory, cut into blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.arrow_values import has_nested_dictionary, readable
from octomed.pipeline.tasks import columns_to_read, naming, open_arrow, open_parquet
from octomed.recipe.opening import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from octomed.pipeline.tasks import Task
    from octomed.recipe import InputFile

    Reading = Generator[_octomed.Block, None, int]

BLOCK_BYTES = 32 * 2**20
"""A block is cut at the row where the mapped columns' bytes pass this."""

_CHUNK_BYTES = 4 * 2**20
_BATCH_BYTES = 8 * 2**20
_LARGEST_BATCH = 8192
_CSV_BLOCK_BYTES = 64 * 2**20
"""A CSV row is at most this long: pyarrow reads no row across two of its blocks."""


def blocks_of(
    task: Task, mapping: _octomed.Mapping, *, target: int = BLOCK_BYTES, count: Callable[[int], object] = id
) -> Iterator[_octomed.Block]:
    """Read a task and cut it into blocks.

    Parameters
    ----------
    task
        What to read.
    mapping
        The source's row format.
    target
        Bytes of mapped columns after which a block ends. Where blocks end depends on the rows alone, so a
        task that is read again gives the same blocks.
    count
        Called at the end with the rows read, blank lines counted: row numbers of the next task go on there.

    Raises
    ------
    DataError
        When the file cannot be read as a whole; rows that are merely wrong are refusals of their block.
    """
    with naming(task.file):
        if task.file.kind == "parquet":
            rows = yield from _parquet(task, mapping, target)
        elif task.file.kind == "jsonl":
            rows = yield from _json_lines(task, target)
        elif task.file.kind == "arrow":
            rows = yield from _arrow(task, mapping, target)
        elif task.file.kind in {"json", "json_objects", "json_rows"}:
            rows = yield from _json_document(task, target)
        else:
            rows = yield from _csv(task, mapping, target)
        count(rows)


def _parquet(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    cutter = _octomed.ArrowCutter(mapping, task.first_row or 0, target)
    rows = max(1, task.rows or 1)
    batch_rows = max(1, min(_LARGEST_BATCH, _BATCH_BYTES * rows // max(1, task.source_bytes)))
    with open_parquet(task.file) as parquet:
        columns = columns_to_read(mapping, parquet.schema_arrow.names, task.file)
        groups = list(range(task.begin, task.end or 0))
        apart = has_nested_dictionary(parquet.schema_arrow, columns)
        for together in [[group] for group in groups] if apart else [groups]:
            for batch in parquet.iter_batches(
                batch_rows, row_groups=together, columns=columns, use_threads=False
            ):
                yield from cutter.feed(readable(batch))
    yield from cutter.finish()
    return cutter.rows


def _json_lines(task: Task, target: int) -> Reading:
    plain = task.file.compression is None
    cutter = _octomed.JsonLinesCutter(task.begin, task.end, by_offset=plain, target=target)
    with _open(task.file) as stream:
        if plain:
            stream.seek(cutter.read_from)
        while not cutter.done and (chunk := stream.read(_CHUNK_BYTES)):
            yield from cutter.feed(chunk)
    yield from cutter.finish()
    return cutter.rows


def _json_document(task: Task, target: int) -> Reading:
    cutter = _document_cutter(task.file, target)
    with open_stream(task.file.path, task.file.compression) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield from cutter.feed(chunk)
    yield from cutter.finish()
    return cutter.rows


def _document_cutter(
    file: InputFile, target: int
) -> _octomed.JsonArrayCutter | _octomed.JsonObjectsCutter | _octomed.JsonRowsCutter:
    if file.kind == "json":
        return _octomed.JsonArrayCutter(target)
    if file.kind == "json_objects":
        return _octomed.JsonObjectsCutter(target)
    return _octomed.JsonRowsCutter(file.rows.split(".") if file.rows else [], target)


def _arrow(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    cutter = _octomed.ArrowCutter(mapping, 0, target)
    with open_arrow(task.file) as reader:
        columns = columns_to_read(mapping, reader.schema.names, task.file)
        batches = getattr(reader, "num_record_batches", None)
        read = reader if batches is None else map(reader.get_batch, range(batches))
        for batch in read:
            for begin in range(0, batch.num_rows, _LARGEST_BATCH):
                yield from cutter.feed(_sound(batch.slice(begin, _LARGEST_BATCH).select(columns)))
    yield from cutter.finish()
    return cutter.rows


def _sound(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Check what an Arrow file says of its own buffers: unlike Parquet's, they are used as they lie there."""
    batch.validate()
    ours = readable(batch)
    ours.validate(full=True)  # of texts that are bytes now: one that is not UTF-8 is a matter of its row
    return ours


def _open(file: InputFile) -> Any:  # noqa: ANN401 a file object of pyarrow or of Python
    return open_stream(file.path, file.compression)


def _csv(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    """Read every column as bytes: types are not guessed, and UTF-8 is checked row by row in Rust."""
    cutter = _octomed.ArrowCutter(mapping, 0, target)
    names = _csv_names(task.file)
    columns = columns_to_read(mapping, names, task.file)

    def note(row: csv.InvalidRow) -> str:
        # The header is row 1; the number counts rows skipped before.
        cutter.refuse(row.number - 2, row.expected_columns, row.actual_columns)
        return "skip"

    parse = csv.ParseOptions(
        delimiter=_delimiter(task.file),
        newlines_in_values=True,
        invalid_row_handler=note,
        ignore_empty_lines=True,
    )
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()),
        include_columns=columns,
        strings_can_be_null=True,
        null_values=[""],
    )
    read = csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES)
    quotes = _octomed.CsvQuotes(ord(_delimiter(task.file)))
    with (
        _open(task.file) as stream,
        csv.open_csv(_Watched(stream, quotes.feed), read, parse, convert) as reader,
    ):
        for batch in reader:
            yield from cutter.feed(batch)
    if quotes.open_since is not None:
        raise DataError(
            f"the quote that opens on line {quotes.open_since:,} never closes: all behind it is one value",
            "close or double it; a file that was cut off has to be copied again",
        )
    yield from cutter.finish()
    return cutter.rows


class _Watched:
    """A stream whose bytes somebody else sees as they are read."""

    def __init__(self, stream: Any, see: Callable[[bytes], object]) -> None:  # noqa: ANN401 as `_open` has it
        self._stream, self._see = stream, see

    @property
    def closed(self) -> bool:
        return bool(self._stream.closed)

    def close(self) -> None:
        self._stream.close()

    def read(self, size: int) -> bytes:
        chunk: bytes = self._stream.read(size)
        self._see(chunk)
        return chunk


def _csv_names(file: InputFile) -> list[str]:
    parse = csv.ParseOptions(
        delimiter=_delimiter(file), newlines_in_values=True, invalid_row_handler=lambda _: "skip"
    )
    read = csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES)
    with _open(file) as stream, csv.open_csv(stream, read, parse) as reader:
        return list(reader.schema.names)


def _delimiter(file: InputFile) -> str:
    return "\t" if file.kind == "tsv" else ","
