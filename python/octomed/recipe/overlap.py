"""Folders that a run writes to and a source reads: the next run would take its own tables for rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.recipe.glob import OwnFiles
from octomed.recipe.problems import Problem
from octomed.run_file import RUN_FILE, VALIDATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.recipe.document import Document
    from octomed.recipe.schema import Recipe

_KEY = "0" * 32
"""Stands for a content key in the names of the working store."""


def own_files_read(recipe: Recipe, document: Document) -> list[Problem]:
    """Return a problem for each of `output.path` and `work.path` that a source would read files from.

    Parameters
    ----------
    recipe : Recipe
        Its paths ready to use.
    document : Document
        Where they were written.
    """
    written = {"output": OwnFiles(_output_files(recipe)), "work": OwnFiles(_store_files(recipe))}
    problems = []
    for index, source in enumerate(recipe.sources):
        for entry, path in enumerate(source.path):
            place = document.place(("sources", index, "path", entry))
            for key, files in written.items():
                found = files.named_by(path)
                if found is None:
                    continue
                message = (
                    f"`{key}.path` lies where `sources.{source.name}.path` reads: `{found}` would be rows"
                )
                hint = f"write outside of that folder, or narrow the source's path (at {place})"
                problems.append(Problem(document.place((key, "path")), message, hint))
    return problems


def _output_files(recipe: Recipe) -> Iterator[str]:
    """Name files of the kinds of inputs that a run leaves: shards themselves end otherwise."""
    folder = recipe.output.path
    yield f"{folder}/{RUN_FILE}"
    for source in recipe.sources:
        yield f"{folder}/rejects/{source.name}.parquet"
    for edge in recipe.pack.edges:
        yield f"{folder}/len-{edge:05}/index.json"
        yield f"{folder}/provenance/len-{edge:05}-00000.parquet"
    if recipe.validation is not None:
        yield f"{folder}/{VALIDATION}/index.json"
        yield f"{folder}/provenance/{VALIDATION}-00000.parquet"


def _store_files(recipe: Recipe) -> Iterator[str]:
    folder = recipe.work.path
    yield f"{folder}/blocks/{_KEY}/task.json"
    yield f"{folder}/runs/{_KEY}.json"
