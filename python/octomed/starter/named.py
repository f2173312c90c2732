"""Datasets that a user points at: files and addresses, or what the settings of another trainer name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.plain_names import clean_name
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PLAIN_STEMS = frozenset({"train", "data", "dataset", "test", "validation", "default", "main"})
"""Names of files that say nothing: their folder's does."""

_ENDINGS = re.compile(
    r"(\.(parquet|arrow|jsonl|jsonlines|ndjson|json|csv|tsv|tar|tgz|gz|gzip|zst|xz|bz2|lz4|br))+$"
)
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Named:
    """A dataset that somebody points at.

    Attributes
    ----------
    name
        What the source will be called.
    paths
        Files, folders, globs or addresses, as the recipe will have them.
    said_by
        Who names it: the file of settings, as a message calls it; empty where the user does.
    format
        What is known of its rows: a row format, or a mapping of columns; None where nothing is.
    split
        Which split to read; None where nothing says it.
    image_root
        Below which folder paths of images lie, where that is known.
    notes
        What was said of it and has no place in a recipe.
    """

    name: str
    paths: tuple[str, ...]
    said_by: str = ""
    format: str | dict[str, Any] | None = None
    split: str | None = None
    image_root: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """All that a user points at, and what the settings of another trainer say besides.

    Attributes
    ----------
    datasets
        At least one.
    model, capacity
        As those settings have them; None where they have none.
    notes
        What was left aside.
    """

    datasets: tuple[Named, ...]
    model: str | None = None
    capacity: int | None = None
    notes: tuple[str, ...] = field(default=())

    def __add__(self, other: Wanted) -> Wanted:
        """Return both; what the first says of model and capacity counts."""
        return Wanted(
            (*self.datasets, *other.datasets),
            self.model or other.model,
            self.capacity or other.capacity,
            (*self.notes, *other.notes),
        )


def name_of(path: str) -> str:
    """Return a name for the source that a path leads to.

    Examples
    --------
    >>> name_of("data/medqa/train.jsonl.gz"), name_of("hf://datasets/openlifescienceai/medmcqa")
    ('medqa', 'medmcqa')
    """
    parts = [part for part in path.rpartition("://")[2].split("/") if part not in {"", ".", ".."}]
    plain = [_ENDINGS.sub("", part) for part in parts if not _WILD.search(part)]
    told = [part for part in plain if part.lower() not in _PLAIN_STEMS]
    stem = (told or plain or [Path.cwd().name])[-1].partition("@")[0]
    return clean_name(stem)


def each_once(datasets: Iterable[Named]) -> tuple[Named, ...]:
    """Return datasets with a name each of their own: of two alike the second gets a number."""
    taken: dict[str, int] = {}
    found = []
    for one in datasets:
        number = taken[one.name] = taken.get(one.name, 0) + 1
        name = one.name if number == 1 else f"{one.name}-{number}"
        found.append(Named(**{**vars(one), "name": name}))
    return tuple(found)


def of_path(path: str) -> Named:
    """Return the dataset at a path or address of rows.

    Raises
    ------
    RecipeError
        When nothing is there.
    """
    if scheme_of(path) is None and not os.path.lexists(path) and not _WILD.search(path):
        raise RecipeError(f"there is no `{shown(path)}`", "give files, folders, globs or addresses of rows")
    return Named(name_of(path), (path,))


def literal(path: str) -> str:
    """Return the path of a file or folder as a recipe takes it: its own wildcards and `$` are no signs there.

    Examples
    --------
    >>> _ = Path("costs [in $].csv").touch()
    >>> literal("costs [in $].csv")
    'costs [[]in $$].csv'
    """
    escaped = re.sub(r"([*?\[])", r"[\1]", path) if os.path.lexists(path) else path
    return escaped.replace("$", "$$")


def moved(paths: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return paths from the working directory as they lead from a recipe's folder; addresses stay."""
    return tuple(_moved(path, folder) for path in paths)


def _moved(path: str, folder: Path) -> str:
    if scheme_of(path) is not None or Path(path).is_absolute():
        return path
    if folder.resolve() == Path.cwd():
        return path
    return os.path.relpath(Path.cwd() / path, folder.resolve())
