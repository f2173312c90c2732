"""The process that opens foreign files: it answers requests on its pipes until they close.

A request is a line of JSON; an answer is one, too, and says how many bytes follow it. Nothing here knows of
recipes, and nothing that the run holds is lost when this process ends.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import select
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from octomed.foreign.arrow_file import ArrowTable
from octomed.foreign.arrow_values import has_nested_dictionary, readable
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.parquet_file import ParquetTable
from octomed.foreign.slots import SLOT_BYTES, SLOTS, places

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_MEMORY = 2 * 2**30
"""What this process may allocate: a page that claims more is an error of its file, not of the machine."""

MOST_SECONDS = 600
"""Seconds of computing for one answer, a batch at most: beyond that, the reader goes round in a circle."""

IDLE_SECONDS = 60
"""A run that has long been over, in a notebook say, should not keep a process."""

_BATCH_BYTES = 8 * 2**20
_LARGEST_BATCH = 8192


def main() -> None:
    """Answer requests until there are none left."""
    answers = os.fdopen(os.dup(1), "wb", buffering=2**16)
    silent = os.open(os.devnull, os.O_RDWR)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, MOST_MEMORY)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _send(answers, {}, [])
    for number in (1, 2):  # what a library prints as it dies is nobody's
        os.dup2(silent, number)
    reading, slots = _Reading(), _shared()
    while line := _next_request(0, wait=reading.is_open):
        _limit_seconds()
        request = json.loads(line)
        try:
            answer, parts = reading.answer(request)
        except Exception as error:  # noqa: BLE001 whatever a library raises is an answer about the file
            answer, parts = _fault(error), []
        if parts and slots is not None and request["slot"] is not None:
            answer, parts = _placed(slots, request["slot"], answer, parts)
        _send(answers, answer, parts)


def _shared() -> memoryview | None:
    """Return the memory that the run shares with this process, if it does."""
    if len(sys.argv) < 3:  # noqa: PLR2004 the program's paths come first
        return None
    return memoryview(mmap.mmap(int(sys.argv[2]), SLOTS * SLOT_BYTES))


def _placed(
    slots: memoryview, slot: int, answer: dict[str, Any], parts: list[list[pa.Buffer]]
) -> tuple[dict[str, Any], list[list[pa.Buffer]]]:
    """Write parts into a slot, if they fit: the answer then says how long each is."""
    sizes = _sizes(parts)
    begins = places(sizes)
    if begins[-1] > SLOT_BYTES:
        return answer, parts
    for part, begin in zip(parts, begins, strict=False):
        at = slot * SLOT_BYTES + begin
        for piece in part:
            slots[at : at + len(piece)] = memoryview(piece).cast("B")
            at += len(piece)
    return answer | {"shared": sizes}, []


def _next_request(file: int, *, wait: bool) -> bytes:
    """Return a request; nothing when the pipe is closed, or when no file is open and none is for a minute."""
    line = b""
    while not line.endswith(b"\n"):
        if not wait and not line and not select.select([file], [], [], IDLE_SECONDS)[0]:
            break
        more = os.read(file, 2**16)
        if not more:
            break
        line += more
    return line


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _limit_seconds() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + MOST_SECONDS)


def _fault(error: Exception) -> dict[str, Any]:
    number = error.errno if isinstance(error, OSError) else None
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, MemoryError):
        said = f"it asks for more memory than a reader may take ({MOST_MEMORY:,} bytes): {said}"
    elif not isinstance(error, (BrokenFileError, OSError, pa.ArrowException)):
        said = f"{type(error).__name__}: {said}"
    return {"error": said.encode("utf-8", "backslashreplace").decode(), "errno": number}


def _send(answers: BinaryIO, answer: dict[str, Any], parts: list[list[pa.Buffer]]) -> None:
    answers.write(json.dumps(answer | {"sizes": _sizes(parts)}).encode() + b"\n")
    for part in parts:
        answers.writelines(memoryview(piece) for piece in part)
    answers.flush()


def _sizes(parts: list[list[pa.Buffer]]) -> list[int]:
    return [sum(len(piece) for piece in part) for part in parts]


class _Reading:
    """The file that is open, and how far it is read."""

    def __init__(self) -> None:
        self._table: ParquetTable | ArrowTable | None = None
        self._batches: Iterator[list[list[pa.Buffer]]] = iter(())

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[list[pa.Buffer]]]:  # noqa: PLR0911 a case for each request
        """Do what is asked."""
        if "close" in request:
            self._close()
            return {}, []
        if "open" in request:
            return self._open(bytes.fromhex(request["open"]), request["kind"])
        if self._table is None:
            raise BrokenFileError("no file is open")
        if "group_bytes" in request:
            return {"group_bytes": self._table.group_bytes(request["group_bytes"])}, []
        if "ranges" in request:
            return {"ranges": self._table.ranges(request["ranges"], request["groups"])}, []
        if "count" in request:
            return {"rows": self._table.count()}, []
        if "read" in request:
            self._batches = _batches(self._table, request["read"], request["mapped"], request["groups"])
            return {}, []
        found = next(self._batches, None)
        return {"end": found is None}, found or []

    @property
    def is_open(self) -> bool:
        """Whether a file is."""
        return self._table is not None

    def _close(self) -> None:
        self._batches = iter(())
        if self._table is not None:
            self._table.close()
            self._table = None

    def _open(self, path: bytes, kind: str) -> tuple[dict[str, Any], list[list[pa.Buffer]]]:
        self._close()
        whole = kind != "arrow_schema"
        self._table = ParquetTable(path) if kind == "parquet" else ArrowTable(path, whole=whole)
        for field in self._table.schema:
            _field_names(field)
        return {"groups": self._table.groups}, [[self._table.schema.serialize()]]


def _field_names(field: pa.Field) -> list[str]:
    """Raise where a field's name, however deep, is not UTF-8: nothing after this can hold such a name."""
    kind = field.type
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    inner = [kind.field(index) for index in range(kind.num_fields)]
    return [field.name, *(name for one in inner for name in _field_names(one))]


def _batches(
    table: ParquetTable | ArrowTable, columns: list[str], mapped: list[str], groups: list[int]
) -> Iterator[list[list[pa.Buffer]]]:
    """Yield batches as two streams: what is mapped stays in a block, and what is only looked at must not."""
    promised = sum(table.groups[group] for group in groups)
    bytes_a_row = max(1, table.check_pages(columns, groups) // max(1, promised))
    most_rows = max(1, min(_LARGEST_BATCH, _BATCH_BYTES // bytes_a_row))
    apart = has_nested_dictionary(table.schema, columns)
    writers = [_Writer(), _Writer()]
    rows = 0
    for together in [[group] for group in groups] if apart and groups else [groups]:
        for batch in table.batches(columns, together, most_rows):
            rows += batch.num_rows
            sound = _sound(batch)
            names = sound.schema.names
            yield [
                writer.written(sound.select([i for i, name in enumerate(names) if (name in mapped) is kept]))
                for writer, kept in zip(writers, (True, False), strict=True)
            ]
    if table.groups and rows != promised:
        raise BrokenFileError(
            f"its footer says {promised:,} rows, and {rows:,} are there: the file is damaged"
        )


def _sound(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Check what a file says of its own buffers: nothing after this looks at offsets again."""
    ours = readable(batch)
    ours.validate(full=True)  # of texts that are bytes now: one that is not UTF-8 is a matter of its row
    return ours


class _Writer:
    """Batches as the messages of one Arrow stream, so that a dictionary is sent once."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._stream: Any = None

    def written(self, batch: pa.RecordBatch) -> list[pa.Buffer]:
        """Return the messages of a batch; of no columns there are none."""
        if not batch.num_columns:
            return []
        if self._stream is None:
            self._stream = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), batch.schema)
        self._stream.write_batch(batch)
        pieces, self._sink.pieces = self._sink.pieces, []
        return pieces


class _Sink:
    """What a stream is written to.

    An object of its own, because Arrow's writer holds it where Python's collector does not look.
    """

    def __init__(self) -> None:
        self.pieces: list[pa.Buffer] = []
        self.closed = False

    def write(self, data: Any) -> int:  # noqa: ANN401 bytes or a buffer
        """Keep what Arrow writes; nothing is copied."""
        self.pieces.append(data if isinstance(data, pa.Buffer) else pa.py_buffer(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""
