"""Runs wherever they lie: in a folder, or at an address, as a local folder that is filled on demand.

The folder of a run at an address holds `octomed.json` and the manifest from the start. Tables are read where
they are, by ranges; a shard is fetched when it is asked for, and goes once it has been looked at.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.names import shown
from octomed.schemes import scheme_of
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.finished.far_runs import FarRun
    from octomed.store import Store


def run_folder(place: str | os.PathLike[str]) -> Path:
    """Return the folder of a run: of one at an address a local one, which is removed when the process ends.

    Parameters
    ----------
    place
        A folder, or an address.

    Raises
    ------
    RecipeError
        When the address is none of a store.
    StorageError
        When the store cannot be reached.

    Examples
    --------
    >>> run_folder("runs/quickstart")
    PosixPath('runs/quickstart')
    """
    text = os.fspath(place)
    if scheme_of(text) is None:
        return Path(text)
    from octomed.pipeline.finished.far_runs import open_far_run  # noqa: PLC0415 where an address is met

    far = open_far_run(text)
    _far[far.folder] = far
    return far.folder


@contextlib.contextmanager
def opened_run(place: str | os.PathLike[str]) -> Iterator[Path]:
    """Have the folder of a run for as long as the block runs."""
    folder = run_folder(place)
    try:
        yield folder
    finally:
        close_run(folder)


def close_run(folder: Path) -> None:
    """Remove the local folder of a run at an address; another folder is left alone."""
    far = _far.pop(folder, None)
    if far is not None:
        far.close()


_far: dict[Path, FarRun] = {}
"""Runs at addresses that this process has open, by their local folders."""


def far_run(folder: Path) -> FarRun | None:
    """Return the run at an address whose folder this is, or None for a folder of its own."""
    return _far.get(folder)


def store_of(folder: Path) -> Store:
    """Return the files of a run, wherever they are."""
    far = far_run(folder)
    if far is None:
        return LocalStore(folder)
    return far.files


def place_of(folder: Path, name: str = "") -> str:
    """Return what messages call a run, or a file of it: its address, or its path.

    Examples
    --------
    >>> place_of(Path("runs/quickstart"), "octomed.json")
    'runs/quickstart/octomed.json'
    """
    far = far_run(folder)
    return str(folder / name) if far is None else far.place(name)


def fetch_notes(folder: Path) -> None:
    """Have what a training run notes here: the files of its folder, and of none below it."""
    far = far_run(folder)
    for name in [] if far is None else far.objects:
        if far is not None and "/" not in name:
            far.fetch(name)


@contextlib.contextmanager
def pack_here(folder: Path, stream: str, pack: int) -> Iterator[None]:
    """Have what a pack is read from here while the block runs: its stream's index, and its shard.

    Parameters
    ----------
    folder, stream
        Of the run.
    pack
        Number of the pack in the stream.

    Raises
    ------
    DataError
        When the index is missing or damaged.
    StorageError
        When the shard is missing.
    """
    far = far_run(folder)
    if far is None:
        yield
        return
    name = far.shard_of(stream, pack)
    try:
        far.fetch(name)
        yield
    except FileNotFoundError:
        raise StorageError(f"`{shown(far.place(name))}` is missing") from None
    finally:
        far.drop(name)
