"""Input files: opened in bounded memory, their columns found, and named in every error about them."""

from __future__ import annotations

import contextlib
import errno
import lzma
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed import _octomed
from octomed.errors import ChangedInput, DataError, OctomedError
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.opening import open_foreign
from octomed.names import shown
from octomed.pipeline.inputs.column_names import names_to_show
from octomed.pipeline.inputs.folder_columns import refuse_both, with_given
from octomed.pipeline.inputs.nearest_format import near_formats
from octomed.recipe.opening import open_text
from octomed.report.fit import formats_in_words, names_in_words
from octomed.schemes import objects
from octomed.storage import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from octomed.foreign.table import ForeignTable
    from octomed.recipe.input_file import InputFile

_HEAD_BYTES = 2**16


@contextlib.contextmanager
def open_table(file: InputFile) -> Iterator[ForeignTable]:
    """Open a Parquet or Arrow file in the process that is kept for that, and name it in every error.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    with file_errors(file), open_foreign(file.path, file.kind) as table:
        yield table


def fingerprint_of(file: InputFile) -> str:
    """Return a hash of a file's content; an empty text of an object whose version says as much."""
    if not file.is_remote:
        return _octomed.fingerprint(file.path)
    return "" if file.version is not None else str(objects().fingerprint(file.path, _octomed.fingerprint))


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
    with file_errors(file), open_text(file.path, file.kind, file.compression) as stream:
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
        When a mapped column is missing, several columns have one name, or a folder names one of the file's.
    """
    with file_errors(file):
        refuse_both(file, mapping, names)
    with file_errors(file), column_errors(mapping, names, file):
        return with_given(mapping, file).columns_to_read(names)


@contextlib.contextmanager
def column_errors(mapping: _octomed.Mapping, names: list[str], file: InputFile) -> Iterator[None]:
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


_BROKEN = (
    BrokenFileError,
    pa.ArrowException,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What readers raise of a file that is not whole, or whose numbers lead nowhere: it is the file's fault."""


def place_of(file: InputFile) -> str:
    """Return a file and its source, for messages."""
    return f"`{shown(file.path)}` (source `{file.source}`)"


def unchanged(files: Iterable[InputFile]) -> None:
    """Check that inputs are what they were when the plan was made.

    Raises
    ------
    ChangedInput
        When one has another size, time or fingerprint.
    """
    for file in files:
        if file.is_remote:
            objects().refuse_changed(file.path, file.size, file.version)
            continue
        try:
            found = Path(file.path).stat()
            content = _octomed.fingerprint(file.path)
        except OSError as error:
            raise storage_error("read", file.path, error) from error
        if (found.st_size, found.st_mtime_ns, content) != (file.size, file.mtime_ns, file.fingerprint):
            raise ChangedInput(
                f"`{shown(file.path)}` changed while the run read it",
                "run the same command again once it is complete",
            )


@contextlib.contextmanager
def file_errors(file: InputFile) -> Iterator[None]:
    """Add the file's name to errors that do not know it, and turn those of its readers into ours.

    Raises
    ------
    DataError
        When the file is not whole, or not what its name says.
    StorageError
        When the system cannot read it.
    """
    place = place_of(file)
    hint = "fix or remove the file; `on_bad_file: skip` in the source leaves such files out"
    try:
        yield
    except ChangedInput:
        raise
    except DataError as error:
        if error.message.startswith(place):
            raise
        raise DataError(f"{place}: {error.message}", error.hint or hint) from error
    except OctomedError:
        raise
    except _BROKEN as error:
        from octomed.recipe.sniff import suspected  # noqa: PLC0415 only of a file that cannot be read

        looks = suspected(file.path, file.kind, file.compression)
        if looks is not None:
            raise DataError(f"{place} cannot be read: it looks like {looks.what}", looks.hint) from error
        raise DataError(f"{place} cannot be read: {_first_line(error)}", hint) from error
    except OSError as error:
        if error.errno is None or error.errno == errno.EINVAL:
            raise DataError(f"{place} cannot be read: {_first_line(error)}", hint) from error
        raise storage_error("read", file.path, error) from error


_OWN_WORDS = (BrokenFileError, pa.ArrowException, OSError, EOFError, lzma.LZMAError, zlib.error, UnicodeError)


def _first_line(error: BaseException) -> str:
    said = str(error).splitlines()[0] if str(error) else ""
    return said if said and isinstance(error, _OWN_WORDS) else f"{type(error).__name__} {said}".rstrip()
