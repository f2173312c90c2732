"""A Parquet or Arrow file as the run sees it: schema, row groups and batches, which a child reads."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from octomed.errors import StorageError
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.helper import Helper, HelperDiedError, HelperNotStartedError, give_back, take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

_FAULTS = frozenset(
    {
        signal.SIGABRT,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGXCPU,
    }
)
"""Signals that a process gives itself; another comes from outside, and says nothing of the file."""

_FROM_NUMBERS = frozenset({errno.EINVAL, errno.EOVERFLOW, errno.ENOMEM, errno.EFBIG, errno.ENXIO})
"""Errors of the system that a file's own numbers lead to; others are the disk's."""


class ForeignTable:
    """An open Parquet or Arrow file.

    Parameters
    ----------
    path : str
        Where it is.
    kind : str
        `parquet` or `arrow`.

    Attributes
    ----------
    schema : pyarrow.Schema
        Its columns.
    groups : list of int
        Rows of each row group of a Parquet file.

    Raises
    ------
    BrokenFileError
        When the file cannot be read, contradicts itself, or ends the process that reads it.
    OSError, StorageError
        When the disk, or the machine, is at fault.
    """

    def __init__(self, path: str, kind: str) -> None:
        self._asked: list[dict[str, Any]] = []
        self._helper: Helper | None = take()
        try:
            answer, parts = self._ask({"open": os.fsencode(Path(path).absolute()).hex(), "kind": kind})
            self.groups: list[int] = answer["groups"]
            self.schema: pa.Schema = pa.ipc.read_schema(parts[0])
        except BaseException:
            self.close()
            raise

    def forget_asked(self) -> None:
        """Ask a child that takes the place of a dead one only for what comes now: the file is open."""
        del self._asked[1:]

    def open_again(self, path: str, kind: str) -> None:
        """Have the child open a file, or the same as another kind, in the place of the one that is open."""
        self._ask({"open": os.fsencode(Path(path).absolute()).hex(), "kind": kind})
        del self._asked[:-1]

    def __enter__(self) -> Self:
        """Nothing to set up."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Keep the child for the next file, unless it died or is in the middle of an answer."""
        helper, self._helper = self._helper, None
        if helper is None:
            return
        try:
            helper.ask({"close": True})
        except HelperDiedError:  # a fault of the next file's it cannot be
            helper.close()
        else:
            give_back(helper)

    def count(self) -> int:
        """Return how many rows the file says it has; values are not read for that."""
        rows: int = self._ask({"count": True})[0]["rows"]
        return rows

    def group_bytes(self, columns: Sequence[str]) -> list[int]:
        """Return the uncompressed bytes of these columns in each row group, as the footer has them."""
        sizes: list[int] = self._ask({"group_bytes": list(columns)})[0]["group_bytes"]
        return sizes

    def ranges(self, columns: Sequence[str], groups: Sequence[int]) -> list[tuple[int, int]] | None:
        """Return which bytes of an object in a store are read for that; None of a file that is here."""
        del columns, groups
        return None

    def batches(
        self, columns: Sequence[str], mapped: Sequence[str], groups: Sequence[int] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows of columns, in types that the engine reads.

        Parameters
        ----------
        columns
            Columns of the file.
        mapped
            Those of them whose memory may be held for longer than the others'.
        groups
            Row groups of a Parquet file.
        """
        self._ask({"read": list(columns), "mapped": list(mapped), "groups": list(groups)})
        streams = (_Stream(), _Stream())
        wanted = [name in mapped for name in self.schema.names if name in columns]
        rows = 0
        while True:
            answer, parts = self._ask({"next": True})
            if answer["end"]:
                break
            batch = _together(
                [stream.batch(part) for stream, part in zip(streams, parts, strict=True)], wanted
            )
            rows += batch.num_rows
            yield batch
        promised = sum(self.groups[group] for group in groups)
        if self.groups and rows != promised:
            raise BrokenFileError(
                f"its footer says {promised:,} rows, and {rows:,} are there: the file is damaged"
            )

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[pa.Buffer]]:
        if self._helper is None:
            raise BrokenFileError("the file is closed")
        helper, self._helper = (
            self._helper,
            None,
        )  # one that is not heard to its end is no use to another file
        try:
            answer, parts = _answer_of(helper, request)
        except HelperDiedError:
            helper.close()
            helper = Helper()
            answer, parts = self._ask_again(helper, request)
        except BaseException:
            helper.close()
            raise
        self._asked.append(request)
        self._helper = helper
        if "error" in answer:
            raise _error(answer)
        return answer, parts

    def _ask_again(self, helper: Helper, request: dict[str, Any]) -> tuple[dict[str, Any], list[pa.Buffer]]:
        """Ask a child that has read no other file: if that dies, too, this file is the reason."""
        try:
            for before in self._asked:
                _answer_of(helper, before)
            return _answer_of(helper, request)
        except HelperDiedError as died:
            helper.close()
            if -died.status not in _FAULTS:
                raise StorageError(
                    f"the process that reads Parquet and Arrow files was killed from outside ({died.how})",
                    "check whether the machine has memory left; the same command resumes the run",
                ) from died
            raise BrokenFileError(
                f"it crashes the process that reads it ({died.how}): the file is damaged"
            ) from died
        except BaseException:
            helper.close()
            raise


def _error(answer: dict[str, Any]) -> Exception:
    number, said = answer.get("errno"), answer["error"]
    if number is None or number in _FROM_NUMBERS:
        return BrokenFileError(said)
    return OSError(number, os.strerror(number))


class _Stream:
    """The messages of an Arrow stream, a batch at a time."""

    def __init__(self) -> None:
        self._messages = _Messages()
        self._reader: Any = None

    def batch(self, messages: pa.Buffer) -> pa.RecordBatch | None:
        """Return the batch of these messages; nothing of none."""
        if not len(messages):
            return None
        self._messages.held, self._messages.at = messages, 0
        if self._reader is None:
            self._reader = pa.ipc.open_stream(pa.PythonFile(self._messages, mode="r"))
        batch: pa.RecordBatch = self._reader.read_next_batch()
        self._messages.held = _NOTHING
        return batch


_NOTHING = pa.py_buffer(b"")

_METADATA_BYTES = 4096
"""The reader of a stream keeps what it read of the schema: a copy of that keeps no batch's memory."""


class _Messages:
    """What a stream is read from.

    An object of its own, because Arrow's reader holds it where Python's collector does not look.
    """

    def __init__(self) -> None:
        self.held = _NOTHING
        self.at = 0
        self.closed = False

    def read_buffer(self, size: int) -> pa.Buffer:
        """Return the next bytes; batches are not copied."""
        found = self.held.slice(self.at, min(size, len(self.held) - self.at))
        self.at += len(found)
        return _copy(found) if 0 < len(found) <= _METADATA_BYTES else found

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        data: bytes = self.read_buffer(size).to_pybytes()
        return data


def _copy(buffer: pa.Buffer) -> pa.Buffer:
    copy = pa.allocate_buffer(len(buffer))
    memoryview(copy).cast("B")[:] = memoryview(buffer).cast("B")
    return copy


def _together(parts: list[pa.RecordBatch | None], mapped: list[bool]) -> pa.RecordBatch:
    """Put the columns of two batches into the order of their file."""
    held, looked_at = parts
    if held is None or looked_at is None:
        whole = held if held is not None else looked_at
        assert whole is not None
        return whole
    columns = {True: iter(zip(held.schema, held.columns, strict=True)),
               False: iter(zip(looked_at.schema, looked_at.columns, strict=True))}  # fmt: skip
    found = [next(columns[is_mapped]) for is_mapped in mapped]
    return pa.RecordBatch.from_arrays(
        [column for _, column in found], schema=pa.schema([field for field, _ in found])
    )


def _answer_of(helper: Helper, request: dict[str, Any]) -> tuple[dict[str, Any], list[pa.Buffer]]:
    try:
        return helper.ask(request)
    except HelperNotStartedError as error:
        raise StorageError(
            f"the process that reads Parquet and Arrow files does not start: {error}",
            "check whether this machine lets a program start another, and has memory for it",
        ) from error.__cause__
