"""Standard streams whose reader may leave."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


_GONE = frozenset({errno.EPIPE, errno.EIO})
"""What writing to a pipe without a reader gives, and to a terminal that was closed."""


class _Pipe(io.FileIO):
    """A descriptor that swallows what nobody reads any more."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Let the work go on when `head`, say, has read enough: what cannot be printed is not printed.

    Python would raise in whichever thread prints next, and typer and rich each end the process in a way of
    their own, with exit code 1 and no word.
    """
    sys.stdout = _outliving(sys.stdout, 1)
    sys.stderr = _outliving(sys.stderr, 2)


def _outliving(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # it was closed before we began, and a file of the run must not take its number
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return io.TextIOWrapper(io.BufferedWriter(_Pipe(descriptor, "w", closefd=False)))
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
