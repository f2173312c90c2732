"""Input files: opened in bounded memory, their columns found, and named in every error about them."""

from __future__ import annotations

import contextlib
import lzma
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.errors import DataError, OctomedError
from octomed.names import shown
from octomed.pipeline.column_names import names_to_show
from octomed.pipeline.nearest_format import near_formats
from octomed.pipeline.storage import storage_error
from octomed.recipe.opening import native, open_stream
from octomed.recipe.sniff import suspected
from octomed.report.fit import formats_in_words, names_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.recipe import InputFile

_HEAD_BYTES = 2**16


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
    with naming(file), open_stream(file.path, file.compression) as stream:
        while True:
            chunk = stream.read(max(_HEAD_BYTES, len(head)))
            head += chunk
            names = dialect.names(head, is_last=not chunk)
            if names is not None:
                return names


def columns_to_read(mapping: _octomed.Mapping, names: list[str], file: InputFile) -> list[str]:
    """Columns of a Parquet file that a scan needs.

    Raises
    ------
    DataError
        When a mapped column is missing, or several columns have one name.
    """
    with naming(file), naming_formats(mapping, names, file):
        return mapping.columns_to_read(names)


@contextlib.contextmanager
def naming_formats(mapping: _octomed.Mapping, names: list[str], file: InputFile) -> Iterator[None]:
    """Add to an error about a missing column which columns there are, and which format suits them."""
    try:
        yield
    except DataError as error:
        if not _octomed.mapped_columns(mapping, names)[0]:
            raise
        near, may_show = near_formats(names), names_to_show(names, mapping, file.kind)
        here = (
            f"columns here: {names_in_words(may_show, len(names) - len(may_show))}; {formats_in_words(near)}"
        )
        key = f"sources.{file.source}.format"
        suits = f"set `{key}: {near[0].name}`" if near and near[0].fits else None
        advice = "; or ".join(filter(None, [_of_a_name(error.hint, names, may_show), suits]))
        hint = advice or f"name the columns in `{key}` (docs/recipe.md, Formats)"
        hint += "; or does the file begin with a row, not with names?" * (len(may_show) < len(names))
        message = error.message if len(may_show) == len(names) else _without_names(error.message)
        raise DataError(f"{message}, so that no row fits; {here}", hint) from error


def _of_a_name(hint: str | None, names: list[str], may_show: list[str]) -> str | None:
    """Return a hint about a similar name, unless it names one that may be a value."""
    if hint is None or hint.startswith("its columns are"):
        return None
    similar = any(f"`{name}`" in hint for name in set(names) - set(may_show) if name)
    return None if similar and hint.startswith("did you mean") else hint


def _without_names(message: str) -> str:
    several = "the file has several columns of one name"
    return several if message.startswith(several) else message


_BROKEN = (pa.ArrowException, EOFError, UnicodeError, lzma.LZMAError)
"""What a file that is not whole raises; a length that a flipped bit made huge asks for memory."""


def place_of(file: InputFile) -> str:
    """Return a file and its source, for messages."""
    return f"`{shown(file.path)}` (source `{file.source}`)"


class naming:  # noqa: N801 reads as the statement it is
    """Adds the file's name to errors that do not know it, and turns pyarrow's into ours."""

    def __init__(self, file: InputFile) -> None:
        self.file = file

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Re-raise ``error`` with the file's name."""
        place = place_of(self.file)
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
        except (*_BROKEN, OSError) as error:
            self._naming.__exit__(type(error), error, None)
            raise
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close, and name the file in any error."""
        self._file.close()
        self._source.close()
        self._naming.__exit__(kind, error, trace)
