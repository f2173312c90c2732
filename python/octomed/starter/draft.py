"""What is found of each dataset, put together to a recipe's values."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.names import shown
from octomed.pipeline.inputs.column_names import names_to_show
from octomed.pipeline.inputs.nearest_format import near_formats, suiting_formats
from octomed.recipe.inputs import find_inputs
from octomed.recipe.presets import gives_traces, held_out_splits, load_preset
from octomed.recipe.problems import RecipeProblems
from octomed.report.fit import formats_in_words, listed, names_in_words
from octomed.schemes import scheme_of
from octomed.starter.columns import Column, columns_in
from octomed.starter.guess import COMPLETE, guessed_mapping, paths_of_images
from octomed.starter.named import Named, moved
from octomed.starter.rows import FirstRows, first_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.recipe.input_file import InputFile, Inputs

_TRAIN = "train"


@dataclass(frozen=True)
class Looked:
    """A dataset that was looked at.

    Attributes
    ----------
    named
        As somebody points at it.
    values
        What a recipe says of it.
    files, bytes
        How many there are, and their size.
    first
        The file whose rows were looked at.
    columns
        Of those rows.
    rows
        Those rows.
    found
        How its format was found, for a comment.
    is_complete
        Whether nothing is left to the user.
    is_evaluation
        Whether its rows are there to be compared with, and not to be learned.
    notes
        What else a user should know.
    """

    named: Named
    values: dict[str, Any]
    files: int
    bytes: int
    first: InputFile
    columns: tuple[Column, ...]
    rows: tuple[dict[str, Any], ...]
    found: str
    is_complete: bool
    is_evaluation: bool
    notes: tuple[str, ...] = ()

    @property
    def has_images(self) -> bool:
        """Whether its rows show pictures."""
        return any(column.shows_images for column in self.columns)

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.named.name

    @property
    def shown_columns(self) -> list[Column]:
        """Columns whose names may be shown: in a table without a line of names they are values of a row."""
        names = [column.name for column in self.columns]
        mapping = _mapping(self.values.get("format"))
        may_show = set(names) if mapping is None else set(names_to_show(names, mapping, self.first.kind))
        return [column for column in self.columns if column.name in may_show]


_RESPONSES = frozenset({"response", "responses", "completion", "messages", "conversations"})
"""Columns whose names say that a model is to learn them."""


def _mapping(row_format: Any) -> Any:  # noqa: ANN401 the engine's
    from octomed import _octomed  # noqa: PLC0415 one use

    values = load_preset(row_format) if isinstance(row_format, str) else load_preset("octomed")
    return _octomed.Mapping(values) if gives_traces(values) else None


def look(named: Named, folder: Path) -> Looked:
    """Look at a dataset: its files, its columns, its first rows.

    Parameters
    ----------
    named
        The dataset.
    folder
        Where the recipe will lie.

    Raises
    ------
    RecipeError
        When its path names no file of rows.
    DataError
        When none of its files can be read.
    """
    values: dict[str, Any] = {"name": named.name, "path": _one_or_all(moved(named.paths, folder))}
    if named.split is not None:
        values["split"] = named.split
    values, inputs, notes = _with_inputs(values, folder)
    first = first_rows(inputs.files)
    if first.file.rows is not None:
        values["rows"] = first.file.rows
    columns = columns_in(first.columns, first.rows)
    looked = Looked(
        named,
        values,
        len(inputs.files),
        sum(file.size for file in inputs.files),
        first.file,
        tuple(columns),
        first.rows,
        "",
        is_complete=True,
        is_evaluation=False,
        notes=(*named.notes, *notes),
    )
    splits = inputs.splits.get(named.name, set())
    return _with_image_root(_with_format(looked, first, splits), folder)


def _one_or_all(paths: tuple[str, ...]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else list(paths)


def _with_inputs(values: dict[str, Any], folder: Path) -> tuple[dict[str, Any], Inputs, list[str]]:
    """Return what a source says and its files: of several splits, `train`."""
    try:
        return values, _inputs(values, folder), []
    except RecipeProblems as problems:
        if "split" in values:
            raise
        chosen = values | {"split": _TRAIN}
        try:
            inputs = _inputs(chosen, folder)
        except RecipeProblems:
            raise problems from None
        note = f"`{values['name']}`: its files are of several splits, of which `{_TRAIN}` is read"
        return chosen, inputs, [note]


def _inputs(values: dict[str, Any], folder: Path) -> Inputs:
    recipe = {
        "name": "init",
        "model": "qwen2.5",
        "sources": [values],
        "output": {"path": "runs/init"},
    }
    from octomed.recipe.loader import load_recipe  # noqa: PLC0415 a chain of imports is short

    return find_inputs(load_recipe(recipe, folder=folder))


def _with_format(looked: Looked, first: FirstRows, splits: set[str]) -> Looked:
    """Return it with a row format: the one that is said, that is found, or that is guessed."""
    said = looked.named.format
    if said is not None:
        return replace(
            looked, values=looked.values | {"format": said}, found=f"as {looked.named.said_by} says"
        )
    names = suiting_formats(list(first.columns)) or _fitting(first.columns)
    if not names:
        return _with_guess(looked, first)
    name = names[0]
    columns = listed(_read_columns(name, first.columns))
    if not gives_traces(load_preset(name)) or held_out_splits(name) & splits:
        why = "an evaluation set" if not gives_traces(load_preset(name)) else "the test split of a benchmark"
        return replace(
            looked,
            values=looked.values | {"format": name},
            found=f"{why}, by its columns: {columns}",
            is_evaluation=True,
        )
    found = f"by its columns: {columns}"
    if len(names) > 1:
        others = ", ".join(f"`{other}`" for other in names[1:])
        found = f"its columns suit {others} as well, which reads them otherwise: keep one"
    return replace(looked, values=looked.values | {"format": name}, found=found)


def _fitting(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the formats whose columns are all there, beside others that some format would read.

    Those come first whose responses were written to be learned, and of these the one that reads most. None
    leaves a response unread, which would have the right answer learned in its place.
    """
    fitting = [one.name for one in near_formats(list(columns)) if one.fits]
    said = _RESPONSES & set(columns)
    fitting = [name for name in fitting if said <= set(_read_columns(name, columns))]
    return tuple(
        sorted(fitting, key=lambda name: (bool(held_out_splits(name)), -len(_read_columns(name, columns))))
    )


def _read_columns(name: str, columns: tuple[str, ...]) -> list[str]:
    from octomed import _octomed  # noqa: PLC0415 one use

    values = load_preset(name)
    values = values if gives_traces(values) else values | {"response": "response"}
    read = set(_octomed.mapped_columns(_octomed.Mapping(values), list(columns))[2])
    return [column for column in columns if column in read]


def _with_guess(looked: Looked, first: FirstRows) -> Looked:
    mapping = guessed_mapping(looked.columns, first.rows)
    is_complete = COMPLETE not in str(mapping)
    near = formats_in_words(near_formats(list(first.columns)))
    what = "a guess by the columns' names: see that it is right" if is_complete else f"complete `{COMPLETE}`"
    may_show = looked.shown_columns
    here = names_in_words([one.name for one in may_show], len(looked.columns) - len(may_show))
    return replace(
        looked,
        values=looked.values | {"format": mapping},
        found=what,
        is_complete=is_complete,
        notes=(*looked.notes, f"`{looked.name}`: no built-in format suits its columns, {here}; {near}"),
    )


def _with_image_root(looked: Looked, folder: Path) -> Looked:
    """Return it with the folder below which the paths of its images lie, where that is found."""
    row_format = looked.values["format"]
    mapping = load_preset(row_format) if isinstance(row_format, str) else row_format
    if looked.is_evaluation:
        return looked
    paths = paths_of_images(mapping, looked.rows)
    if not paths or all(Path(path).is_absolute() for path in paths):
        return looked
    root = _root_of(paths, looked)
    own = {"preset": row_format} if isinstance(row_format, str) else dict(row_format)
    if root is None:
        note = f"`{looked.name}`: its images are not found: put their folder, zip or tar into `image_root`"
        own["image_root"] = COMPLETE
        return replace(
            looked, values=looked.values | {"format": own}, is_complete=False, notes=(*looked.notes, note)
        )
    own["image_root"] = moved((root,), folder)[0]
    return replace(looked, values=looked.values | {"format": own})


def _root_of(paths: list[str], looked: Looked) -> str | None:
    """Return the candidate below which most of some paths are; None where none of them is anywhere."""
    found: Counter[str] = Counter()
    for root in _roots(looked):
        found[root] = sum(Path(root, path).exists() for path in paths)
    best = max(found, key=lambda root: found[root], default=None)
    return best if best is not None and found[best] else None


def _roots(looked: Looked) -> Iterator[str]:
    """Yield folders and archives in which images are likely: those next to the rows, and above them."""
    if looked.named.image_root is not None:
        yield looked.named.image_root
    if scheme_of(looked.first.path) is not None:
        return
    beside = Path(looked.first.path).parent
    for above in (beside, beside.parent):
        yield _from_here(above)
        yield from sorted(_from_here(one) for one in above.iterdir() if one.is_dir() and one.name[:1] != ".")


def _from_here(folder: Path) -> str:
    return os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)


def split_words(looked: Looked) -> str:
    """Return how a dataset is called in a list: its name, and who names it."""
    return f"`{looked.name}`" + (f" ({shown(looked.named.said_by)})" if looked.named.said_by else "")
