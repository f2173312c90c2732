"""Inputs in stores, fetched ahead of those who read them: files that are planned next, tasks scanned next."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from octomed.foreign.remote import ends_of
from octomed.schemes import objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from octomed.pipeline.calls.specs import TaskSpec
    from octomed.pipeline.inputs.tasks import Task
    from octomed.recipe.input_file import InputFile

_FILES_AHEAD = 128
"""Files whose ends are asked for before they are planned: small ones come faster than a request takes."""


def with_ends_ahead(files: Sequence[InputFile]) -> Iterator[InputFile]:
    """Yield files; of those in stores, what planning looks at is fetched some files ahead.

    Parameters
    ----------
    files
        In the order in which they are planned.
    """
    remote = (file for file in files if file.is_remote)
    _expect(islice(remote, _FILES_AHEAD))
    for file in files:
        yield file
        if file.is_remote:
            _expect(islice(remote, 1))


def _expect(files: Iterable[InputFile]) -> None:
    for file in files:
        objects().announce(file.path, file.size, file.version)
        objects().expect([(file.path, ends_of(file.size, file.kind))])


class _Walk(Protocol):
    def done(self, wanted: Any) -> None:  # noqa: ANN401 of a module that only an address loads
        """Say that a task has been read."""


_walks: deque[_Walk] = deque()
"""Those under way, the last one begun last: an executor's calls find theirs here."""


@contextlib.contextmanager
def fetched_ahead(specs: Sequence[TaskSpec]) -> Iterator[None]:
    """Have tasks of files in stores fetched in their order while the block runs, a bit ahead of readers.

    Parameters
    ----------
    specs
        In the order in which they are read.
    """
    wanted = [_wanted(spec.task) for spec in specs if spec.task.ranges is not None]
    if not wanted:
        yield
        return
    with import_module("octomed.stores.walk").Walk(wanted) as walk:
        _walks.append(walk)
        try:
            yield
        finally:
            _walks.remove(walk)


@contextlib.contextmanager
def without_leftovers() -> Iterator[None]:
    """Leave nothing of what was fetched on the disk when the block ends."""
    try:
        yield
    finally:
        loaded = sys.modules.get("octomed.stores.mirrors")
        if loaded is not None:
            loaded.mirrors.clear()


def has_been_read(task: Task) -> None:
    """Give back what was fetched of a task: it has been read, or will not be."""
    if task.ranges is not None:
        for walk in list(_walks):
            walk.done(_wanted(task))


def how_stores_are_reached(files: Sequence[InputFile]) -> tuple[Any, Path | None] | None:
    """Return what another process has to know of how stores are reached; None where no file is in one."""
    if not any(file.is_remote for file in files):
        return None
    reach: tuple[Any, Path | None] = import_module("octomed.stores.options").configured()
    return reach


def ready_to_read(spec: TaskSpec) -> None:
    """Have this process read a task's file as it was listed, and reach its store as the recipe says."""
    file = spec.task.file
    if spec.reach is None or not file.is_remote:
        return
    options = import_module("octomed.stores.options")
    if options.configured() != spec.reach:
        options.configure(*spec.reach)
    objects().announce(file.path, file.size, file.version)


def _wanted(task: Task) -> Any:  # noqa: ANN401 of a module that only an address loads
    file = task.file
    wanted = import_module("octomed.stores.walk").Wanted
    return wanted(file.path, file.size, file.version, task.ranges or ())
