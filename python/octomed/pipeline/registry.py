"""Which outputs use which blocks of a working store, so that `clean` removes only what none needs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.leftovers import clear_store
from octomed.names import shown
from octomed.pipeline.image_files import FETCHED
from octomed.pipeline.manifest_file import NAME as MANIFEST_NAME
from octomed.pipeline.targets import target_at
from octomed.state import Damaged
from octomed.storage import content_key, make_folder_inside, storage_error
from octomed.store import LocalStore
from octomed.store_files import RegisteredRun, load_registered_run, write_registered_run
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.storage import Lock, Mode

_ENTRIES = "runs/"


def register_run(store: Path, output: str | Path, tasks: list[str], mode: Mode = "umask") -> None:
    """Note that the run in ``output``, a folder or an address, uses these tasks' blocks."""
    make_folder_inside(store, "runs", mode)
    run = RegisteredRun(_place(output), tuple(sorted(set(tasks))))
    write_registered_run(store / _entry(output), run, mode)


def mend_registration(store: Path, output: str | Path, tasks: list[str], mode: Mode) -> None:
    """Note it again where the note is damaged."""
    if isinstance(load_registered_run(store / _entry(output)), Damaged):
        register_run(store, output, tasks, mode)


def _entry(output: str | Path) -> str:
    return f"{_ENTRIES}{content_key(_place(output))}.json"


def _place(output: str | Path) -> str:
    """Return where an output is: its address, or the path of its folder."""
    return str(output) if scheme_of(str(output)) is not None else str(Path(output).resolve())


def forget_run(store: Path, output: str | Path, tasks: Iterable[str], lock: Lock) -> str | None:
    """Delete the blocks of a run that keeps none, and its entry; but nothing that another run needs.

    Parameters
    ----------
    store
        The working store.
    output
        The run's output.
    tasks
        Keys of its tasks.
    lock
        The run's lock on the store: shared, and no longer needed.

    Returns
    -------
    str or None
        What to say where blocks were left.
    """
    LocalStore(store).delete(_entry(output))
    if not lock.alone():
        place = shown(str(store))
        return f"another run is using `{place}`: the blocks were kept, and `octomed clean` removes them"
    mine = set(tasks)
    try:
        theirs = mine & _used(store, dry_run=True)
    except StorageError as error:
        return f"the run's blocks in `{shown(str(store))}` were kept: {error.message}"
    for key in sorted(mine - theirs):
        shutil.rmtree(store / "blocks" / key, ignore_errors=True)
    if theirs:
        place = shown(str(store))
        return (
            f"other outputs use the blocks of {len(theirs)} of the run's tasks in `{place}`: these were kept"
        )
    return None


@dataclass(frozen=True)
class Cleaned:
    """What `clean` removed, or would remove.

    Attributes
    ----------
    tasks
        Keys of the tasks whose blocks no output uses.
    bytes
        Their size.
    kept
        Tasks that outputs use.
    """

    tasks: tuple[str, ...]
    bytes: int
    kept: int


def clean(store: Path, *, everything: bool = False, dry_run: bool = False) -> Cleaned:
    """Remove blocks that no existing output's manifest uses, and half-written files.

    Parameters
    ----------
    store
        The working store.
    everything
        Remove blocks in use as well: the next run scans everything again.
    dry_run
        Only count.

    Raises
    ------
    RecipeError
        When a run is using the store.
    StorageError
        When an entry of `runs` is damaged: what its output uses is not known.
    """
    if not store.is_dir():
        return Cleaned((), 0, 0)
    busy = f"a run is using `{store}`"
    with LocalStore(store, "owner").lock(exclusive=True, busy=busy):
        used = set() if everything else _used(store, dry_run=dry_run)
        blocks = store / "blocks"
        folders = sorted(path for path in blocks.iterdir() if path.is_dir()) if blocks.is_dir() else []
        unused = [path for path in folders if path.name not in used]
        size = sum(file.stat().st_size for path in unused for file in path.iterdir())
        fetched = store / FETCHED
        if not used and fetched.is_dir():  # no output is left that another setting would be tried on
            size += sum(file.stat().st_size for file in fetched.rglob("*") if file.is_file())
            unused.append(fetched)
        if not dry_run:
            for path in unused:
                _remove(path)
            clear_store(store)
        tasks = tuple(path.name for path in unused if path != fetched)
        return Cleaned(tasks, size, len(folders) - len(tasks))


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise storage_error("delete", path, error) from error


def _used(store: Path, *, dry_run: bool) -> set[str]:
    used: set[str] = set()
    entries = LocalStore(store)
    for name in entries.names(_ENTRIES):
        run = load_registered_run(store / name)
        if isinstance(run, Damaged):
            raise run.error(
                "nothing was removed, as which blocks its output uses is not known; `octomed pack` of that "
                "output's recipe writes it again, and `--everything` removes the blocks in use as well"
            )
        if isinstance(run, RegisteredRun) and _has_manifest(run.output):
            used |= set(run.tasks)
        elif not dry_run:
            entries.delete(name)
    return used


def _has_manifest(output: str) -> bool:
    if scheme_of(output) is not None:
        return target_at(output, "umask").store.size(MANIFEST_NAME) is not None
    try:
        return (Path(output) / MANIFEST_NAME).exists()
    except (OSError, ValueError):  # no name that a folder could have
        return False
