"""What a recipe excludes, removed from its working store: withdrawn consent ends there as well.

A block is removed whole with its task, for it holds other rows too: they are scanned again from the sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from octomed import _octomed, machine
from octomed.errors import DamagedBlock, DataError, RecipeError
from octomed.file_names import task_folder
from octomed.pipeline.blocks.stored_tasks import stored_tasks
from octomed.pipeline.calls.image_files import FETCHED
from octomed.pipeline.inputs.exclusions import exclusions_of
from octomed.recipe.schema import Output, Pack
from octomed.storage import storage_error
from octomed.store_files import finished_task
from octomed.vision import content_hash, decode, pixel_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from octomed.pipeline.blocks.working_store import WorkingStore
    from octomed.recipe.schema import Recipe
    from octomed.store_files import BlockHeader, TaskRecord

_DIGEST = 32
"""Bytes behind a fetched image: its digest."""


class Excluded:
    """What a recipe's lists of exclusions name.

    Parameters
    ----------
    lines
        Their lines, as `exclusions_of` gives them.
    """

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        lines = list(lines)
        self._files = {(row["source"], row["file"]) for line in lines if (row := line.get("row"))}
        self._ids = [line for line in lines if line.get("ids")]
        self._hashes = {number for line in self._ids for number in line["ids"]}

    @classmethod
    def of(cls, recipe: Recipe) -> Excluded:
        """Return what a recipe excludes.

        Raises
        ------
        RecipeError
            When that is nothing.
        """
        lines = exclusions_of(recipe)
        if not lines:
            message = "the recipe excludes nothing that could be purged"
            hint = "name lists in `curate.exclude`: ids of traces, `source:file:row`, hashes of images"
            raise RecipeError(message, hint)
        return cls(lines)

    def is_in(self, folder: Path, record: TaskRecord) -> bool:
        """Tell whether blocks of a task hold what is named; of a row, whether they are of its file.

        Which row of a file is in which of its tasks, only a plan knows: all of them go.

        Parameters
        ----------
        folder
            Where the blocks are.
        record
            What they are.
        """
        return any(
            (header.source, header.file) in self._files or self._is_in_block(folder, header)
            for header in record.blocks
        )

    def _is_in_block(self, folder: Path, header: BlockHeader) -> bool:
        if not self._ids or not header.traces:
            return False
        settings = {
            "curate": {
                "duplicates": {"exact": False, "images": "off"},
                "over_long": "reject",
                "exclude": self._ids,
            },
            "pack": Pack().model_dump(mode="json"),
            "output": Output(path="none").model_dump(mode="json", exclude={"path", "copies"}),
        }
        blocks = [(str(folder / header.name), 0)]
        try:
            layout = _octomed.Layout(blocks, settings, threads=machine.cores(), cancel=_octomed.Cancel())
            reasons = layout.rejects(0).column("reason")
        except DamagedBlock:  # what it holds cannot be known: it would be made again anyway
            return True
        return bool(pc.any(pc.equal(reasons, "excluded")).as_py())

    def images_in(self, store: Path) -> list[Path]:
        """Return the images of the web in a store that are named, by their bytes or their pixels.

        Raises
        ------
        StorageError
            When one cannot be read.
        """
        folder = store / FETCHED
        if not self._hashes or not folder.is_dir():
            return []
        return [path for path in sorted(folder.rglob("*.image")) if self._is_named(path)]

    def _is_named(self, path: Path) -> bool:
        try:
            data = path.read_bytes()[:-_DIGEST]
        except OSError as error:
            raise storage_error("read", path, error) from error
        if content_hash(data) in self._hashes:
            return True
        try:
            return pixel_hash(decode(data)) in self._hashes
        except DataError:  # nothing that decodes
            return False


def tasks_to_purge(working: WorkingStore, excluded: Excluded) -> Iterator[str]:
    """Yield the keys of tasks whose blocks hold what is excluded, and of those that are not finished.

    Blocks at an address are fetched to be looked at.

    Parameters
    ----------
    working
        The working store, held alone.
    excluded
        What is looked for.

    Raises
    ------
    StorageError
        When the store cannot be read.
    """
    for key in stored_tasks(working):
        record = finished_task(working.local, key) or _fetched(working, key)
        if record is None or excluded.is_in(working.folder / task_folder(key), record):
            yield key


def _fetched(working: WorkingStore, key: str) -> TaskRecord | None:
    """Fetch the blocks of a task, where they stand at the address."""
    if working.remote is None:
        return None
    there = working.remote.look([key])
    if there[key].record is None or working.remote.fetch(there):
        return None
    return there[key].record
