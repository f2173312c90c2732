"""Readers: a task's bytes, in order and in bounded memory, cut into blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.files import columns_to_read, csv_dialect, naming, open_table
from octomed.pipeline.searched import columns_to_scan
from octomed.pipeline.tasks import unchanged
from octomed.recipe.opening import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from octomed.pipeline.tasks import Task
    from octomed.recipe import InputFile

    Reading = Generator[_octomed.Block, None, int]

BLOCK_BYTES = 32 * 2**20
"""A block is cut at the row where the mapped columns' bytes pass this."""

_CHUNK_BYTES = 4 * 2**20


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
        if task.file.kind in {"parquet", "arrow"}:
            rows = yield from _table(task, mapping, target)
        elif task.file.kind == "jsonl":
            rows = yield from _json_lines(task, target)
        elif task.file.kind in {"json", "json_objects", "json_rows"}:
            rows = yield from _json_document(task, target)
        else:
            rows = yield from _csv(task, mapping, target)
        if task.rows is not None and rows != task.rows:
            unchanged([task.file])
            raise DataError(f"{task.rows:,} rows were to be read, and {rows:,} were: the file is damaged")
        count(rows)


def _table(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    cutter = _octomed.ArrowCutter(mapping, task.first_row or 0, target)
    with open_table(task.file) as table:
        mapped = columns_to_read(mapping, table.schema.names, task.file)
        columns = columns_to_scan(mapping, table.schema, mapped)
        for batch in table.batches(columns, mapped, range(task.begin, task.end or 0)):
            yield from cutter.feed(batch)
    yield from cutter.finish()
    return cutter.rows


def _json_lines(task: Task, target: int) -> Reading:
    plain = task.file.compression is None
    cutter = _octomed.JsonLinesCutter(task.begin, task.end, by_offset=plain, target=target)
    ends_line = False
    with open_stream(task.file.path, task.file.compression) as stream:
        if plain:
            stream.seek(cutter.read_from)
        while not cutter.done and (chunk := stream.read(_CHUNK_BYTES)):
            yield from cutter.feed(chunk)
            ends_line = chunk[-1:] == b"\n"
    yield from cutter.finish()
    # Without offsets the cutter takes what is behind the last line end, though it is nothing, for a line.
    return cutter.rows - (ends_line and not plain)


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


def _csv(task: Task, mapping: _octomed.Mapping, target: int) -> Reading:
    cutter = _octomed.CsvCutter(mapping, csv_dialect(task.file), target)
    with open_stream(task.file.path, task.file.compression) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            cutter.feed(chunk)
            yield from iter(cutter.next_block, None)
    cutter.finish()
    yield from iter(cutter.next_block, None)
    return cutter.rows
