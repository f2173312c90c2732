"""Readers: a task's bytes, in order and in bounded memory, cut into blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.inputs.files import columns_to_read, csv_dialect, file_errors, open_table, unchanged
from octomed.pipeline.inputs.folder_columns import given_columns, with_given
from octomed.pipeline.inputs.scanned import Ahead
from octomed.pipeline.inputs.searched import columns_to_scan
from octomed.pipeline.inputs.streams import open_measured
from octomed.recipe.kinds import COLUMNAR

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from octomed.pipeline.inputs.tasks import Task
    from octomed.recipe.input_file import InputFile

    Reading = Generator[_octomed.Block, None, int]

BLOCK_BYTES = 32 * 2**20
"""A block is cut at the row where the mapped columns' bytes pass this."""

_CHUNK_BYTES = 4 * 2**20
_BEHIND_BYTES = 2**16
_LEAST_ROW_BYTES = 2
"""A row has a byte at least, and one that ends it."""
_LEAST_MEMBER_BYTES = 512
"""A member of a tar archive has a header."""
_LONGEST_ROW = 64 * 2**20


def blocks_of(
    task: Task,
    mapping: _octomed.Mapping,
    *,
    target: int = BLOCK_BYTES,
    ahead: Ahead | None = None,
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
    ahead
        Told, before each block, how many rows the file has at most, and at the end how many were read.

    Raises
    ------
    DataError
        When the file cannot be read as a whole; rows that are merely wrong are refusals of their block.
    """
    ahead = ahead or Ahead()
    with file_errors(task.file):
        given = given_columns(task.file, mapping)
        reading = _reading(task, with_given(mapping, task.file), target, ahead)
        rows = yield from _giving(reading, given) if given else reading
        if task.rows is not None and rows != task.rows:
            unchanged([task.file])
            raise DataError(f"{task.rows:,} rows were expected, and {rows:,} were: the file is damaged")
        ahead.rows_read = rows


def _reading(task: Task, mapping: _octomed.Mapping, target: int, ahead: Ahead) -> Reading:
    """Return the reader of a task, by what its file is."""
    kind = task.file.kind
    if kind in COLUMNAR:
        return _table(task, mapping, target, ahead)
    if kind == "jsonl":
        return _json_lines(task, target, ahead)
    if kind in {"json", "json_objects", "json_rows"}:
        return _json_document(task, target, ahead)
    if kind == "tar":
        return _shard(task, mapping, target, ahead)
    return _csv(task, mapping, target, ahead)


def _giving(reading: Reading, given: list[tuple[str, str | None]]) -> Reading:
    """Yield blocks whose rows have the columns that their file's folders name."""
    while True:
        try:
            block = next(reading)
        except StopIteration as end:
            rows: int = end.value
            return rows
        block.give(given)
        yield block
        del block


def _table(task: Task, mapping: _octomed.Mapping, target: int, ahead: Ahead) -> Reading:
    cutter = _octomed.ArrowCutter(mapping, task.first_row or 0, target)
    with open_table(task.file) as table:
        ahead.most_rows = sum(table.groups) if table.groups else None
        mapped = columns_to_read(mapping, table.schema.names, task.file)
        columns = columns_to_scan(mapping, table.schema, mapped)
        for batch in table.batches(columns, mapped, range(task.begin, task.end or 0)):
            yield from taken(cutter.feed(batch))
    yield from cutter.finish()
    return cutter.rows


def _json_lines(task: Task, target: int, ahead: Ahead) -> Reading:
    plain = task.file.compression is None
    cutter = _octomed.JsonLinesCutter(task.begin, task.end, by_offset=plain, target=target)
    ends_line = False
    with open_measured(task.file) as stream:
        if plain:
            stream.seek(cutter.read_from)
        while not cutter.done and (chunk := stream.read(_next_bytes(task, stream.place))):
            blocks = cutter.feed(chunk)
            # Rows before and after the task may be all in the file but the bytes that it has read.
            ahead.most_rows = _most_rows(cutter.rows, stream.most_to_come, task.begin)
            yield from taken(blocks)
            ends_line = chunk[-1:] == b"\n"
    yield from cutter.finish()
    # Without offsets the cutter takes what is after the last line end, though it is nothing, for a line.
    return cutter.rows - (ends_line and not plain)


def _next_bytes(task: Task, place: int) -> int:
    """Return how many bytes to read next: in a store, few of those behind a task, which are the next's."""
    if not task.file.is_remote or task.end is None:
        return _CHUNK_BYTES
    return min(_CHUNK_BYTES, task.end - place if place < task.end else _BEHIND_BYTES)


def _json_document(task: Task, target: int, ahead: Ahead) -> Reading:
    cutter = _document_cutter(task.file, target)
    with open_measured(task.file) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            blocks = cutter.feed(chunk)
            ahead.most_rows = _most_rows(cutter.rows, stream.most_to_come)
            yield from taken(blocks)
    yield from cutter.finish()
    return cutter.rows


def _shard(task: Task, mapping: _octomed.Mapping, target: int, ahead: Ahead) -> Reading:
    cutter = _octomed.ShardCutter(mapping, target)
    with open_measured(task.file) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            blocks = cutter.feed(chunk)
            to_come = stream.most_to_come
            ahead.most_rows = None if to_come is None else cutter.rows + to_come // _LEAST_MEMBER_BYTES + 1
            yield from taken(blocks)
    yield from cutter.finish()
    return cutter.rows


def _most_rows(rows: int, to_come: int | None, elsewhere: int = 0) -> int | None:
    """Return how many rows a file has at most: those that were cut, and what bytes may hold."""
    return None if to_come is None else rows + (to_come + elsewhere) // _LEAST_ROW_BYTES + 1


def taken(blocks: list[_octomed.Block]) -> Iterator[_octomed.Block]:
    """Hand out blocks, and hold none that is handed out."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def _document_cutter(
    file: InputFile, target: int
) -> _octomed.JsonArrayCutter | _octomed.JsonObjectsCutter | _octomed.JsonRowsCutter:
    if file.kind == "json":
        return _octomed.JsonArrayCutter(target)
    if file.kind == "json_objects":
        return _octomed.JsonObjectsCutter(target)
    return _octomed.JsonRowsCutter(file.rows.split(".") if file.rows else [], target)


def _csv(task: Task, mapping: _octomed.Mapping, target: int, ahead: Ahead) -> Reading:
    cutter = _octomed.CsvCutter(mapping, csv_dialect(task.file), target)
    with open_measured(task.file) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            cutter.feed(chunk)
            # Of the chunk, and of what the cutter has before it, no row is counted yet.
            ahead.most_rows = _most_rows(cutter.rows, stream.most_to_come, len(chunk) + _LONGEST_ROW)
            yield from iter(cutter.next_block, None)
    cutter.finish()
    yield from iter(cutter.next_block, None)
    return cutter.rows
