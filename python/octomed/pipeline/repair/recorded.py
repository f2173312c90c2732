"""The inputs of a finished run as its run file records them: what a repair plans with, once they are gone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import DataError, RecipeError
from octomed.names import shown
from octomed.pipeline.blocks.working_store import WorkingStore
from octomed.pipeline.inputs.files import file_errors, fingerprint_of
from octomed.pipeline.inputs.tasks import Task
from octomed.pipeline.output.difference import input_state, is_same_input, recorded_name
from octomed.recipe.input_file import InputFile, Inputs
from octomed.recipe.inputs import find_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from octomed.recipe.schema import Recipe
    from octomed.run_file import Planned, RunFile

_STATE = re.compile(r"(?P<size>\d+) bytes, (?P<time>\d+) ns, (?P<fingerprint>\S+)")
_HINT = "put what was packed back and repair again; or `octomed pack` makes a run of what is there now"

FilePlace = tuple[str, str]
"""Source and path of a file, as the run file names it."""


@dataclass
class RecordedInputs:
    """Inputs of a finished run, most of which are not looked at.

    Attributes
    ----------
    run
        Its run file.
    planned
        What that says of its plan.
    needed
        Files that are read again, as the working store has lost blocks of them.
    touched
        Those of them that have another time, but the size and the fingerprint that they had.
    """

    run: RunFile
    planned: Planned
    needed: frozenset[FilePlace] = frozenset()
    touched: set[FilePlace] = field(default_factory=set)
    _found: dict[FilePlace, InputFile] = field(default_factory=dict)
    _store: WorkingStore = field(default_factory=lambda: WorkingStore(Path()))

    @property
    def images(self) -> dict[str, str]:
        """State of the folders of images, by source."""
        return self.planned.images

    def inputs(self, recipe: Recipe) -> Inputs:
        """Return the files that there were, in source order; those that are needed are looked up.

        Raises
        ------
        DataError
            When one that is needed is gone.
        """
        if self.needed:
            self._found = _found_of(recipe, {source for source, _ in self.needed})
            for place in sorted(self.needed):  # now, as a file that its plan leaves out is no error
                self._refuse_changed(place)
        self._store = WorkingStore.of(recipe)
        order = {source.name: index for index, source in enumerate(recipe.sources)}
        files = [
            _file_as_recorded(place, order[place[0]], self._state_of(place))
            for place in self._places()
            if place[0] in order
        ]
        in_order = sorted(files, key=lambda file: (file.source_index, os.fsencode(file.relative)))
        return Inputs(files=in_order)

    def reads(self, source: str) -> bool:
        """Tell whether a file of a source is needed."""
        return any(of == source for of, _ in self.needed)

    def tasks(self, file: InputFile, cut: Callable[[InputFile], list[Task]]) -> list[Task]:
        """Return the tasks of a file: as they are recorded, or cut again.

        Raises
        ------
        DataError
            When the file was left out, or is needed and not what it was.
        """
        place = (file.source, file.relative)
        keys = self.planned.tasks.get(file.source, {}).get(file.relative)
        if keys is None:  # the plan could not read it, and its source skips such files
            raise DataError(self.run.counts.files_skipped.get(f"{file.source}/{file.relative}", ""))
        if place not in self.needed:
            return self._as_recorded(file, keys)
        return self._cut_again(place, cut, keys)

    def _as_recorded(self, file: InputFile, keys: tuple[tuple[str, ...], ...]) -> list[Task]:
        """Return tasks as they are recorded: blocks without images may lie under another key."""
        without = {identity: more[0] for identity, *more in keys if more}
        known = self._store.without_images(list(without.values())) if without else {}
        standing = self._store.finished(list(known.values())) if known else {}

        def task(identity: str) -> Task:
            found = known.get(without.get(identity, ""))
            key = found if found is not None and found in standing else identity
            return Task(file, 0, None, None, None, 0, key, identity, without.get(identity))

        return [task(one[0]) for one in keys]

    def _cut_again(
        self, place: FilePlace, cut: Callable[[InputFile], list[Task]], keys: tuple[tuple[str, ...], ...]
    ) -> list[Task]:
        file = self._found[place]
        before = _STATE.fullmatch(self._state_of(place) or "")
        as_it_was = file if before is None else replace(file, mtime_ns=int(before["time"]))
        found = cut(as_it_was)
        if [task.identity for task in found] != [one[0] for one in keys]:
            message = f"`{shown(file.path)}` (source `{place[0]}`) is not cut and scanned as the run had it"
            raise DataError(f"{message}: its recipe, its model or its images changed", _HINT)
        if as_it_was.mtime_ns != file.mtime_ns:
            self.touched.add(place)
            found = [replace(task, file=replace(task.file, mtime_ns=file.mtime_ns)) for task in found]
        return found

    def _refuse_changed(self, place: FilePlace) -> None:
        """Refuse a file that is gone or of another content; another time alone is none."""
        file = self._found.get(place)
        if file is None:
            message = f"`{shown('/'.join(place))}` is gone since the run"
            raise DataError(f"{message}, and the working store has lost what was scanned of it", _HINT)
        recorded = self._state_of(place)
        with file_errors(file):
            now = input_state(replace(file, fingerprint=fingerprint_of(file)))
        if recorded is None or not (is_same_input(recorded, now) or _content(recorded) == _content(now)):
            message = f"`{shown(file.path)}` (source `{place[0]}`) changed since the run"
            raise DataError(f"{message}, and the working store has lost what was scanned of it", _HINT)

    def _state_of(self, place: FilePlace) -> str | None:
        return (self.run.run.inputs or {}).get(place[0], {}).get(place[1])

    def _places(self) -> Iterable[FilePlace]:
        """Yield the files that there were: those with tasks, and those that the plan left out."""
        tasks = self.planned.tasks
        yield from ((source, name) for source, files in tasks.items() for name in files)
        for skipped in self.run.counts.files_skipped:
            source, _, name = skipped.partition("/")
            if name not in tasks.get(source, {}):
                yield source, name


def _content(state: str) -> tuple[str, str] | str:
    """Return what a state says of a file's content: all of it where it has another form."""
    found = _STATE.fullmatch(state)
    return state if found is None else (found["size"], found["fingerprint"])


def _found_of(recipe: Recipe, sources: set[str]) -> dict[FilePlace, InputFile]:
    """Return the files that the paths of some sources lead to now."""
    chosen = tuple(source for source in recipe.sources if source.name in sources)
    try:
        found = find_inputs(recipe.model_copy(update={"sources": chosen})).files
    except RecipeError as error:
        names = ", ".join(f"`{shown(name)}`" for name in sorted(sources))
        message = f"the working store has lost blocks of source {names}, and its files are gone"
        raise DataError(f"{message}: {error.message}", _HINT) from error
    return {(file.source, recorded_name(file)): file for file in found}


def _file_as_recorded(place: FilePlace, index: int, state: str | None) -> InputFile:
    """Return a file that is not looked at; what it says of its form means nothing."""
    found = _STATE.fullmatch(state or "")
    size, time, fingerprint = (
        (int(found["size"]), int(found["time"]), found["fingerprint"]) if found else (0, 0, "")
    )
    source, name = place
    return InputFile(source, index, name, name, size, time, "jsonl", None, fingerprint=fingerprint)
