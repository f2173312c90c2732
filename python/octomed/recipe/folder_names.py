"""Columns that the folders of a file name: `lang=en/part-0.parquet`, as Hive and Spark lay tables out."""

from __future__ import annotations

from urllib.parse import unquote

NULL = "__HIVE_DEFAULT_PARTITION__"
"""What a folder is called whose rows have no value."""


def folder_columns(relative: str) -> tuple[tuple[str, str | None], ...]:
    """Return the columns that the folders of a file name, outermost first; a value is a text, or null.

    Parameters
    ----------
    relative : str
        The file's path from its source's root.

    Examples
    --------
    >>> folder_columns("lang=en/site=a%2Fb/part-0.parquet")
    (('lang', 'en'), ('site', 'a/b'))
    >>> folder_columns("year=__HIVE_DEFAULT_PARTITION__/plain/x=1.csv")
    (('year', None),)
    """
    divided = (folder.partition("=") for folder in relative.split("/")[:-1])
    return tuple(
        (unquote(key), None if value == NULL else unquote(value))
        for key, sign, value in divided
        if key and sign
    )
