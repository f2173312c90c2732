"""Folders that a run writes to and a source reads: the next run would take its own tables for rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from octomed.recipe.glob import OwnFiles, OwnObjects
from octomed.recipe.places import STORES
from octomed.recipe.problems import Problem
from octomed.run_file import RUN_FILE, VALIDATION
from octomed.urls import is_below, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.recipe.document import Document, Keys
    from octomed.recipe.schema import Recipe

_KEY = "0" * 32
"""Stands for a content key in the names of the working store."""


def own_files_read(recipe: Recipe, document: Document) -> list[Problem]:
    """Return a problem for each place that a run writes to and a source would read files from.

    Parameters
    ----------
    recipe : Recipe
        Its paths ready to use.
    document : Document
        Where they were written.
    """
    written = list(_written(recipe))
    problems = []
    for index, source in enumerate(recipe.sources):
        for entry, path in enumerate(source.path):
            place = document.place(("sources", index, "path", entry))
            of_store = scheme_of(path) is not None
            for way, named_by in ((way, one) for way, is_address, one in written if is_address == of_store):
                found = named_by(path)
                if found is None:
                    continue
                message = (
                    f"`{_key(way)}` lies where `sources.{source.name}.path` reads: `{found}` would be rows"
                )
                hint = f"write outside of that folder, or narrow the source's path (at {place})"
                problems.append(Problem(document.place(way), message, hint))
    return problems


def written_twice(recipe: Recipe, document: Document) -> list[Problem]:
    """Return a problem for each place to write to that is another one, or lies in another one.

    A local working store may lie in the output folder, where it is known by its path, and hold what is on its
    way to a store.

    Parameters
    ----------
    recipe, document
        As of `own_files_read`.
    """
    places = [(way, path) for way, path, _ in _places(recipe)]
    problems = []
    for number, (way, path) in enumerate(places):
        for other, there in places[:number]:
            if not _collide(way, path, other, there):
                continue
            message = f"`{_key(way)}` and `{_key(other)}` lie in one another: `{path}`, `{there}`"
            problems.append(Problem(document.place(way), message, "name another folder"))
    return problems


def _collide(way: Keys, path: str, other: Keys, there: str) -> bool:
    if scheme_of(path) is None and scheme_of(there) is None:
        path, there = os.path.realpath(path), os.path.realpath(there)
        if way == ("work", "path") or other == ("work", "path"):
            return "copies" in way + other and is_below(path, there)
        if way == ("work", "scratch"):
            return is_below(path, there)
    return is_below(path, there) or is_below(there, path)


def _key(way: Keys) -> str:
    return ".".join(part for part in way if isinstance(part, str))


def _written(recipe: Recipe) -> Iterator[tuple[Keys, bool, Callable[[str], str | None]]]:
    """Yield each place that is written to: its key, whether it is an address, and what finds its files."""
    for way, path, files in _places(recipe):
        if scheme_of(path) is None:
            yield way, False, OwnFiles(files).named_by
        else:
            yield way, True, OwnObjects(files).named_by


def _places(recipe: Recipe) -> Iterator[tuple[Keys, str, list[str]]]:
    yield ("output", "path"), recipe.output.path, list(_output_files(recipe, recipe.output.path))
    for index, path in enumerate(recipe.output.copies or ()):
        yield ("output", "copies", index), path, list(_output_files(recipe, path))
    yield ("work", "path"), recipe.work.path, list(_store_files(recipe.work.path))
    if recipe.work.scratch is not None:
        scratch = recipe.work.scratch
        local = [f"{scratch}/{STORES}/{_KEY}/blocks/{_KEY}/task.json", f"{scratch}/outputs/{_KEY}/{RUN_FILE}"]
        yield ("work", "scratch"), scratch, local


def _output_files(recipe: Recipe, folder: str) -> Iterator[str]:
    """Name files of the kinds of inputs that a run leaves: shards themselves end otherwise."""
    yield f"{folder}/{RUN_FILE}"
    for source in recipe.sources:
        yield f"{folder}/rejects/{source.name}.parquet"
    for edge in recipe.pack.edges:
        yield f"{folder}/len-{edge:05}/index.json"
        yield f"{folder}/provenance/len-{edge:05}-00000.parquet"
    if recipe.validation is not None:
        yield f"{folder}/{VALIDATION}/index.json"
        yield f"{folder}/provenance/{VALIDATION}-00000.parquet"


def _store_files(folder: str) -> Iterator[str]:
    yield f"{folder}/blocks/{_KEY}/task.json"
    yield f"{folder}/runs/{_KEY}.json"
