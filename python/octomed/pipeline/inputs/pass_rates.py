"""Pass rates of another model by question: responses in any row format, or a table with the ids."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError, RecipeError
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.table import ForeignTable
from octomed.names import shown
from octomed.recipe.kinds import COLUMNAR
from octomed.recipe.opening import open_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from octomed.recipe.input_file import InputFile

_QUESTION, _RATE, _RIGHT, _ALL = "question_id", "pass_rate", "right", "responses"
_LARGEST = 2**64
_HINT = (
    f"a row has `{_QUESTION}`, and `{_RATE}` between 0 and 1 or the numbers `{_RIGHT}` and `{_ALL}`; "
    "several rows of a question with numbers are added up"
)


def names_rates(columns: Iterable[str]) -> bool:
    """Tell whether a file of these columns has pass rates by question, and not responses."""
    names = set(columns)
    return _QUESTION in names and bool({_RATE, _RIGHT} & names)


def read_pass_rates(files: Iterable[InputFile]) -> list[tuple[int, float, float]]:
    r"""Return right and all responses of each question, by id; a rate counts as a share of one.

    Parameters
    ----------
    files
        Tables: Parquet, Arrow, JSON Lines, a list of JSON, CSV or TSV; texts may be compressed.

    Raises
    ------
    RecipeError
        When one cannot be read.
    DataError
        When a row says no rate, a question has two, or there is none at all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from octomed.recipe.input_file import InputFile
    >>> path = Path(tempfile.mkdtemp()) / "student.csv"
    >>> _ = path.write_text("question_id,right,responses\n7,2,16\n")
    >>> file = InputFile("student", 0, str(path), path.name, path.stat().st_size, 0, "csv", None)
    >>> read_pass_rates([file])
    [(7, 2.0, 16.0)]
    """
    rates: dict[int, tuple[float, float]] = {}
    counted: set[int] = set()
    for file in files:
        for place, row in _rows(file):
            question, right, of, is_counted = _tally(row, place)
            before = rates.get(question)
            if before is not None and not (is_counted and question in counted):
                if before == (right, of):
                    continue
                raise DataError(f"{place}: question {question} has another pass rate before", _HINT)
            rates[question] = (right + before[0], of + before[1]) if before else (right, of)
            counted |= {question} if is_counted else set()
    if not rates:
        raise DataError("the files of `curate.pass_rate.from` hold no row", _HINT)
    return sorted((question, right, of) for question, (right, of) in rates.items())


def _tally(row: Any, place: str) -> tuple[int, float, float, bool]:  # noqa: ANN401 any JSON value
    """Return question, right and all responses of a row, and whether it has both as numbers."""
    if not isinstance(row, dict):
        raise DataError(f"{place} is not an object", _HINT)
    question, rate = row.get(_QUESTION), row.get(_RATE)
    if isinstance(question, str):
        try:
            question = int(question, 0)
        except ValueError:
            question = None
    if (
        not isinstance(question, int)
        or isinstance(question, bool)
        or not -_LARGEST // 2 <= question < _LARGEST
    ):
        raise DataError(f"{place} has no `{_QUESTION}`", _HINT)
    question %= _LARGEST
    if rate is not None:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise DataError(f"{place}: `{_RATE}` is not between 0 and 1", _HINT)
        return question, float(rate), 1.0, False
    right, of = row.get(_RIGHT), row.get(_ALL)
    whole = [one for one in (right, of) if isinstance(one, int) and not isinstance(one, bool)]
    if len(whole) != 2 or not 0 <= whole[0] <= whole[1] or whole[1] == 0:  # noqa: PLR2004 both numbers
        raise DataError(f"{place} has no pass rate", _HINT)
    return question, float(whole[0]), float(whole[1]), True


def _rows(file: InputFile) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a file, each with its place in words."""
    name = shown(file.path)
    try:
        if file.kind in COLUMNAR:
            yield from ((f"`{name}` row {number}", row) for number, row in enumerate(_table_rows(file)))
            return
        with _opened(file) as text:
            yield from ((f"`{name}` {place}", row) for place, row in _READERS.get(file.kind, _document)(text))
    except OSError as error:
        raise RecipeError(f"`{name}` cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError, csv.Error, BrokenFileError) as error:
        raise DataError(f"`{name}` cannot be read: {error}", _HINT) from error


class _Uncompressed(io.RawIOBase):
    """What is read of a compressed file, as Python's readers of text want it."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 of pyarrow or of Python
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        """Say that it is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 any writable buffer
        """Read as much as fits."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _opened(file: InputFile) -> Iterator[io.TextIOWrapper]:
    """Open a file of text, with or without a mark of its encoding before it."""
    with open_stream(file.path, file.compression) as stream:
        raw = io.BufferedReader(_Uncompressed(stream))
        yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def _lines(text: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            yield f"line {number}", json.loads(line)


def _document(text: io.TextIOWrapper) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a list, or of lines under a name that promises a document."""
    whole = text.read()
    try:
        found = json.loads(whole)
    except ValueError:
        yield from _lines(whole.splitlines())
        return
    rows = found if isinstance(found, list) else [found]
    yield from ((f"row {number}", row) for number, row in enumerate(rows))


def _separated(text: Iterable[str], separator: str) -> Iterator[tuple[str, Any]]:
    reader = csv.DictReader(text, delimiter=separator, strict=True)
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num} has another number of fields than the first")
        yield f"line {reader.line_num}", {name: _number(name, value) for name, value in row.items()}


def _number(name: str, value: str) -> Any:  # noqa: ANN401 what a field says
    """Return a field of CSV as JSON would have it: nothing where it is empty, a number where it is one."""
    try:
        if name in {_RIGHT, _ALL}:
            return int(value)
        return float(value) if name == _RATE and value.strip() else value or None
    except ValueError:
        return value or None


_READERS: dict[str, Any] = {
    "jsonl": _lines,
    "csv": lambda text: _separated(text, ","),
    "tsv": lambda text: _separated(text, "\t"),
}
"""How rows of a kind are read; a document of JSON by default."""


def _table_rows(file: InputFile) -> Iterator[dict[str, Any]]:
    with ForeignTable(file.path, file.kind) as table:
        columns = [one for one in (_QUESTION, _RATE, _RIGHT, _ALL) if one in table.schema.names]
        for batch in table.batches(columns, columns, range(len(table.groups))):
            yield from batch.to_pylist()
