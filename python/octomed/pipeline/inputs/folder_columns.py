"""Columns that a file's folders name, where its row format reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import DataError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed import _octomed
    from octomed.recipe.input_file import InputFile


def given_columns(file: InputFile, mapping: _octomed.Mapping) -> list[tuple[str, str | None]]:
    """Return the columns that a file's folders give to all of its rows, and their values.

    Parameters
    ----------
    file
        The input.
    mapping
        Its row format: a folder's name that nobody reads says nothing.

    Raises
    ------
    DataError
        When two folders name one column.
    """
    found = [(column, value) for column, value in file.folders if mapping.maps(column)]
    names = [column for column, _ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"two folders of its path name the column `{shown(twice)}`",
            "rename one of them, or map another column",
        )
    return found


def with_given(mapping: _octomed.Mapping, file: InputFile) -> _octomed.Mapping:
    """Return the mapping for a file that may be without the columns that its folders name."""
    given = given_columns(file, mapping)
    return mapping.with_given([column for column, _ in given]) if given else mapping


def refuse_both(file: InputFile, mapping: _octomed.Mapping, names: Iterable[str]) -> None:
    """Refuse a file that has a column itself which its folders name, too.

    Raises
    ------
    DataError
        With the column.
    """
    there = set(names)
    for column, value in given_columns(file, mapping):
        if column in there:
            folder = f"{column}={value}"
            raise DataError(
                f"the file has a column `{shown(column)}`, which its folder `{shown(folder)}` names, too",
                "rename the folder or the column, so that one of them says what a row has",
            )
