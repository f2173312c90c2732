"""The files of a recipe: globs, folders and lists become files with a size, a time and a kind."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from octomed.names import shown
from octomed.recipe.entries import Entry, matches_nothing
from octomed.recipe.glob import Unreadable, first_of
from octomed.recipe.input_file import InputFile, Inputs, known_kind
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.shards import real_roots
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from octomed.recipe.document import Keys
    from octomed.recipe.schema import Recipe


def resolve_inputs(recipe: Recipe) -> list[InputFile]:
    """List the files of all sources, in source order: source, then relative path bytewise.

    Raises
    ------
    RecipeProblems
        If an entry matches nothing, a file is of an unknown kind, or two files of a source have one relative
        path; all such problems of a recipe together.
    StorageError
        If a file cannot be opened to see what it holds.
    """
    return find_inputs(recipe).files


def find_inputs(recipe: Recipe) -> Inputs:
    """List the files of all sources, and what is next to them and is not read.

    Raises
    ------
    RecipeProblems
        As :func:`resolve_inputs` says.
    """
    inputs = Inputs()
    problems: list[Problem] = []
    own = {key: os.path.realpath(path) for key, path in _written(recipe)}
    roots = real_roots(root for source in recipe.sources for root in source.image_roots)
    for index, source in enumerate(recipe.sources):
        found: dict[str, InputFile] = {}
        real: dict[str, InputFile] = {}
        read: set[str | None] = set()
        for entry, path in enumerate(source.path):
            place = recipe.written_at("sources", index, "path", entry)
            reading = Entry(source, index, path, place, problems, inputs, own, read, roots)
            files = reading.files()
            if len(source.path) > 1:
                problems += _linked_twice(place, files, found, real)
            for file in files:
                other = found.setdefault(file.relative, file)
                problems += [_twice(place, file, other)] if other is not file else []
        if source.split is None:
            inputs.notes += _without_train(source.name, read)
        inputs.files += sorted(
            _divided(recipe, index, found, problems), key=lambda file: os.fsencode(file.relative)
        )
    if problems:
        raise RecipeProblems(problems)
    return inputs


def _without_train(name: str, read: set[str | None]) -> list[str]:
    """Return a note on a source whose files all are of splits that are not meant to be learnt."""
    splits = sorted(split for split in read if split is not None)
    if not splits or None in read or "train" in splits:
        return []
    word = "split" if len(splits) == 1 else "splits"
    return [f"source `{name}` is read from its {shown(', '.join(splits))} {word} alone"]


def _divided(
    recipe: Recipe, index: int, found: dict[str, InputFile], problems: list[Problem]
) -> list[InputFile]:
    """Return the files of a source, with the dialect of those that are CSV."""
    source = recipe.sources[index]
    files = [
        replace(file, dialect=source.dialect(file.kind)) if file.kind in {"csv", "tsv"} else file
        for file in found.values()
    ]
    if source.csv is not None and files and not any(file.dialect for file in files):
        place = recipe.written_at("sources", index, "csv")
        problems.append(
            Problem(
                place,
                f"source `{source.name}` has `csv` settings, and no CSV files",
                "leave `csv` out; it is for files that end in `.csv` or `.tsv`",
            )
        )
    return files


def _written(recipe: Recipe) -> list[tuple[str, str]]:
    copies = [(f"output.copies.{index}", path) for index, path in enumerate(recipe.output.copies or ())]
    written = [("output.path", recipe.output.path), ("work.path", recipe.work.path), *copies]
    return [(key, path) for key, path in written if scheme_of(path) is None]


def missing_inputs(paths: dict[Keys, str], places: dict[Keys, Place]) -> list[Problem]:
    """Return a problem for each path that matches no file, without listing those that do.

    Parameters
    ----------
    paths : dict of Keys to str
        Paths ready to use, by the way to each in the recipe.
    places : dict of Keys to Place
        Where each was written.
    """
    problems = []
    for way, path in paths.items():
        try:
            if first_of(path, known_kind) is None:
                problems.append(matches_nothing(path, places[way]))
        except Unreadable as error:
            problems.append(Problem(places[way], str(error), error.hint))
    return problems


def _twice(place: Place, file: InputFile, other: InputFile) -> Problem:
    source = file.source
    if file.path == other.path:
        return Problem(place, f"source `{source}` reads `{shown(file.path)}` twice", "name each file once")
    paths = f"`{shown(other.path)}` and `{shown(file.path)}`"
    message = f"source `{source}` has two files `{shown(file.relative)}`: {paths}"
    return Problem(place, message, "make them two sources, or one path from a folder above both")


def _linked_twice(
    place: Place, files: list[InputFile], found: dict[str, InputFile], real: dict[str, InputFile]
) -> list[Problem]:
    """Find files that two entries name by different paths."""
    problems = []
    for file in files:
        other = real.setdefault(os.path.realpath(file.path), file)
        if other is not file and file.relative not in found:
            message = (
                f"source `{file.source}` reads one file twice: `{shown(other.path)}` and `{shown(file.path)}`"
            )
            problems.append(Problem(place, message, "one is a link to the other: name each file once"))
    return problems
