"""Readers: a task's bytes, in order and in bounded memory, cut into blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from octomed import _octomed
from octomed.pipeline.searched import bytes_a_row, columns_to_scan
from octomed.pipeline.tasks import columns_to_read, naming, open_parquet

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
_HEAD_BYTES = 2**16


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
        elif task.file.kind == "json":
            rows = yield from _json_array(task, target)
        else:
            rows = yield from _csv(task, mapping, target)
        count(rows)


def _parquet(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    cutter = _octomed.ArrowCutter(mapping, task.first_row or 0, target)
    with open_parquet(task.file) as parquet:
        mapped = columns_to_read(mapping, parquet.schema_arrow.names, task.file)
        columns = columns_to_scan(mapping, parquet.schema_arrow, mapped)
        groups = range(task.begin, task.end or 0)
        batch_rows = max(1, min(_LARGEST_BATCH, _BATCH_BYTES // bytes_a_row(parquet, groups, columns)))
        batches = parquet.iter_batches(
            batch_rows, row_groups=list(groups), columns=columns, use_threads=False
        )
        for batch in batches:
            yield from cutter.feed(_as_bytes(batch))
    yield from cutter.finish()
    return cutter.rows


def _as_bytes(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Texts as bytes, which costs no copy: Rust checks them row by row, one bad byte fails no file.

    A view and no cast: for that pyarrow would load all that it computes with.
    """
    schema = pa.schema([field.with_type(_bytes_type(field.type)) for field in batch.schema])
    columns = [
        column if column.type == kind else column.view(kind)
        for column, kind in zip(batch.columns, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _bytes_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_bytes_type(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_bytes_type(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_bytes_type(field.type)) for field in kind])
    return kind


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


def _json_array(task: Task, target: int) -> Reading:
    cutter = _octomed.JsonArrayCutter(target)
    with _open(task.file) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield from cutter.feed(chunk)
    yield from cutter.finish()
    return cutter.rows


def _open(file: InputFile) -> Any:  # noqa: ANN401 a file object of pyarrow or of Python
    if file.compression is None:
        return open(file.path, "rb", buffering=0)  # noqa: PTH123 the path is text, the caller closes it
    return pa.CompressedInputStream(pa.OSFile(file.path), file.compression)


def _csv(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    cutter = _octomed.CsvCutter(mapping, csv_dialect(task.file), target)
    with _open(task.file) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            cutter.feed(chunk)
            yield from iter(cutter.next_block, None)
    cutter.finish()
    yield from iter(cutter.next_block, None)
    return cutter.rows


def csv_dialect(file: InputFile) -> _octomed.CsvDialect:
    """Return the characters that divide a CSV file."""
    delimiter, quote, escape = file.dialect or (",", '"', None)
    return _octomed.CsvDialect(delimiter, quote, escape)


def csv_names(file: InputFile) -> list[str]:
    """Read the names in the header of a CSV file; there are none in one without a line that is not blank.

    Raises
    ------
    DataError
        When the header cannot be read.
    """
    dialect = csv_dialect(file)
    head = b""
    with naming(file), _open(file) as stream:
        while True:
            chunk = stream.read(max(_HEAD_BYTES, len(head)))
            head += chunk
            names = dialect.names(head, is_last=not chunk)
            if names is not None:
                return names
