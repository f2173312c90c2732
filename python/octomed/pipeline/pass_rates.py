"""Pass rates of another model by question: responses in any row format, or a table with the ids."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError, RecipeError
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.table import ForeignTable
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_QUESTION, _RATE, _RIGHT, _ALL = "question_id", "pass_rate", "right", "responses"
_LARGEST = 2**64
_HINT = (
    f"a row has `{_QUESTION}`, and `{_RATE}` between 0 and 1 or the numbers `{_RIGHT}` and `{_ALL}`; "
    "several rows of a question with numbers are added up"
)


def is_table(path: Path) -> bool:
    """Tell whether a file has pass rates by question, and not responses: its first row has the columns."""
    if path.suffix not in {".parquet", ".jsonl", ".json", ".ndjson"} or not path.is_file():
        return False
    try:
        _, first = next(_rows(path), ("", None))
    except DataError:
        return False
    return isinstance(first, dict) and _QUESTION in first and bool({_RATE, _RIGHT} & set(first))


def read_pass_rates(paths: Iterable[Path]) -> list[tuple[int, float, float]]:
    """Return right and all responses of each question, by id; a rate counts as a share of one.

    Parameters
    ----------
    paths
        Tables: Parquet by their name's ending, else JSON Lines.

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
    >>> path = Path(tempfile.mkdtemp()) / "student.jsonl"
    >>> _ = path.write_text('{"question_id": 7, "right": 2, "responses": 16}')
    >>> read_pass_rates([path])
    [(7, 2.0, 16.0)]
    """
    rates: dict[int, tuple[float, float]] = {}
    counted: set[int] = set()
    for path in paths:
        for place, row in _rows(path):
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


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a file, each with its place in words."""
    name = shown(str(path))
    try:
        if path.suffix == ".parquet":
            yield from ((f"`{name}` row {number}", row) for number, row in enumerate(_table_rows(path)))
            return
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"`{name}` line {number}", json.loads(line)
    except OSError as error:
        raise RecipeError(f"`{name}` cannot be read: {error.strerror or error}") from error
    except (ValueError, BrokenFileError) as error:
        raise DataError(f"`{name}` cannot be read: {error}", _HINT) from error


def _table_rows(path: Path) -> Iterator[dict[str, Any]]:
    with ForeignTable(str(path), "parquet") as table:
        columns = [one for one in (_QUESTION, _RATE, _RIGHT, _ALL) if one in table.schema.names]
        for batch in table.batches(columns, columns, range(len(table.groups))):
            yield from batch.to_pylist()
