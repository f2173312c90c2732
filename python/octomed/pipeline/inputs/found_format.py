"""The row formats of sources that name none, found by the columns of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.inputs.column_names import names_to_show
from octomed.pipeline.inputs.files import csv_names, file_errors, open_table
from octomed.pipeline.inputs.json_layout import json_shape, with_layout
from octomed.pipeline.inputs.nearest_format import near_formats, suiting_formats
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import Task
from octomed.recipe.formats import Mapping, is_left_out
from octomed.recipe.kinds import COLUMNAR
from octomed.recipe.presets import gives_traces, held_out_splits, load_preset
from octomed.recipe.problems import Problem, RecipeProblems
from octomed.report.fit import formats_in_words, listed, names_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict
    from collections.abc import Sequence

    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe, Source

_ROWS = 100
_BLOCK_BYTES = 2**18
_ANY = "octomed"
"""Any format: reading JSON needs one, and takes no column for its own by it."""


def with_found_formats(recipe: Recipe, files: Sequence[InputFile]) -> tuple[Recipe, list[str]]:
    """Return the recipe with a row format for each source that names none, and notes on which and why.

    Parameters
    ----------
    recipe
        The recipe.
    files
        Its files.

    Raises
    ------
    RecipeProblems
        When columns suit no built-in format, several that differ, or that of an evaluation set.
    DataError
        When no file of such a source can be read.
    """
    formats: dict[int, str] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    for index, source in enumerate(recipe.sources):
        mine = [file for file in files if file.source == source.name]
        if not is_left_out(source.format) or not mine:
            continue
        file, columns = _first_columns(mine, skips=source.on_bad_file == "skip")
        names = suiting_formats(columns)
        trainable = [name for name in names if gives_traces(load_preset(name))]
        if len(names) == 1 and trainable:
            formats[index] = names[0]
            notes.append(_note(source, names[0], columns))
        else:
            problems.append(_problem(recipe, index, file, columns, names))
    if problems:
        raise RecipeProblems(problems)
    return (recipe.with_formats(formats) if formats else recipe), notes


def _first_columns(files: Sequence[InputFile], *, skips: bool) -> tuple[InputFile, list[str]]:
    """Return the first file that has columns, and these; the last error where none can be read."""
    failure: DataError | None = None
    for file in files:
        try:
            columns = columns_of(file)
        except DataError as error:
            if not skips:
                raise
            failure = error
            continue
        if columns:
            return file, columns
    if failure is not None:
        raise failure
    return files[0], []


def columns_of(file: InputFile) -> list[str]:
    """Return the columns of a file, or the keys of its first rows.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    if file.kind in COLUMNAR:
        with open_table(file) as table:
            return list(table.schema.names)
    if file.kind in {"csv", "tsv"}:
        return csv_names(file)
    keys: dict[str, None] = {}
    rows = 0
    laid_out = file if file.kind == "tar" else _laid_out(file)
    for block in blocks_of(_whole(laid_out), _octomed.Mapping(load_preset(_ANY)), target=_BLOCK_BYTES):
        keys.update(dict.fromkeys(_octomed.top_level_keys(block, _ROWS - rows) or ()))
        rows += block.rows
        if rows >= _ROWS:
            break
    return list(keys)


def _whole(file: InputFile) -> Task:
    return Task(file, 0, None if file.compression else file.size, 0, None, file.size, "")


def _laid_out(file: InputFile) -> InputFile:
    """Return the file with the layout of its JSON: an object with the columns of some format is a row."""
    with file_errors(file):
        names = [name for name, _ in json_shape(file).keys]
        near = suiting_formats(names)
        suits = next((name for name in near if gives_traces(load_preset(name))), _ANY)
        return with_layout(file, _octomed.Mapping(load_preset(suits)))


def _note(source: Source, name: str, columns: list[str]) -> str:
    mapping = _octomed.Mapping(load_preset(name))
    read = set(_octomed.mapped_columns(mapping, columns)[2])
    found = listed([column for column in columns if column in read])
    lacks = "no `format`" if source.format is None else "no `preset` in `format`"
    return f"source `{source.name}`: {lacks}, and the columns are those of `{name}`: {found}"


def _problem(
    recipe: Recipe, index: int, file: InputFile, columns: list[str], names: tuple[str, ...]
) -> Problem:
    source, own = recipe.sources[index].name, recipe.sources[index].format
    lacks = "no `format`" if own is None else "no `preset` in its `format`"
    key = f"sources.{source}.format" if own is None else f"sources.{source}.format.preset"
    place = recipe.written_at("sources", index)
    may_show = names_to_show(columns, _octomed.Mapping(load_preset(_ANY)), file.kind)
    here = f"columns here: {names_in_words(may_show, len(columns) - len(may_show))}"
    if len(names) == 1:
        message = f"source `{source}` has {lacks}, and its columns are those of `{names[0]}`"
        return Problem(
            place,
            f"{message}, an evaluation set whose rows have no response; {here}",
            f"to learn from them, map one: `format: {{preset: {names[0]}, response: …}}`",
        )
    if names:
        several = ", ".join(f"`{name}`" for name in names)
        return Problem(
            place,
            f"source `{source}` has {lacks}, and its columns suit several that differ: {several}; {here}",
            f"say which in `{key}`",
        )
    near = formats_in_words(near_formats(columns))
    return Problem(
        place,
        f"source `{source}` has {lacks}, and its columns are those of none: {here}; {near}",
        f"name a format or the columns in `{key}` (docs/recipe.md, Formats)",
    )


def refuse_held_out(recipe: Recipe, splits: Dict[str, set[str]], *, even_if_mapped: bool = False) -> None:
    """Refuse to learn the right answers of a test split, unless the recipe maps what is learned itself.

    Parameters
    ----------
    recipe
        The recipe, each source with its format.
    splits
        Splits that are read, by source.
    even_if_mapped
        Whether it is refused then, too: where a teacher is asked, nothing of a row but its question is read.

    Raises
    ------
    RecipeProblems
        With the place of each such source.
    """
    problems = []
    for index, source in enumerate(recipe.sources):
        own = source.format if isinstance(source.format, Mapping) else None
        name = own.preset if own is not None else source.format
        maps = own is not None and bool(own.response or own.responses)
        if not isinstance(name, str) or (maps and not even_if_mapped):
            continue
        if held := sorted(held_out_splits(name) & splits.get(source.name, set())):
            place = recipe.written_at("sources", index, "path")
            message = f"source `{source.name}` reads the {held[0]} split of `{name}`, an evaluation set"
            hint = "read another one"
            if not even_if_mapped:
                hint += f", or map what is learned: `format: {{preset: {name}, response: …}}`"
            problems.append(Problem(place, message, hint))
    if problems:
        raise RecipeProblems(problems)
