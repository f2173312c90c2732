"""Which outputs use which blocks of a working store, so that `clean` removes only what none needs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from octomed.errors import RecipeError
from octomed.pipeline.manifest import NAME as MANIFEST_NAME
from octomed.pipeline.storage import content_key, locked, make_folder, read_json, storage_error, write_json


def register_run(store: Path, output: Path, tasks: list[str]) -> None:
    """Note that the run in ``output`` uses these tasks' blocks."""
    folder = store / "runs"
    make_folder(folder)
    name = content_key(str(output.resolve()))
    write_json(folder / f"{name}.json", {"output": str(output.resolve()), "tasks": sorted(set(tasks))})


def drop_blocks(store: Path, output: Path, tasks: list[str]) -> bool:
    """Remove a finished run's blocks, but for those of other outputs; tell whether nobody was at work there.

    The caller holds no lock of the store any more: to share one does not do for what removes files.

    Parameters
    ----------
    store
        The working store.
    output
        The run's output.
    tasks
        Keys of its tasks.
    """
    try:
        with locked(store / ".octomed.lock", exclusive=True, busy="another run is at work"):
            for key in set(tasks) - _used(store, dry_run=True, but=output):
                shutil.rmtree(store / "blocks" / key, ignore_errors=True)
    except RecipeError:
        return False
    return True


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
        Remove blocks in use as well: the next run scans anew.
    dry_run
        Only count.

    Raises
    ------
    RecipeError
        When a run is using the store.
    """
    if not store.is_dir():
        return Cleaned((), 0, 0)
    with locked(store / ".octomed.lock", exclusive=True, busy=f"a run is using `{store}`"):
        used = set() if everything else _used(store, dry_run=dry_run)
        blocks = store / "blocks"
        folders = sorted(path for path in blocks.iterdir() if path.is_dir()) if blocks.is_dir() else []
        unused = [path for path in folders if path.name not in used]
        size = sum(file.stat().st_size for path in unused for file in path.iterdir())
        if not dry_run:
            for path in unused:
                _remove(path)
            for path in folders:
                for half in path.glob("*.tmp-*"):
                    half.unlink(missing_ok=True)
        return Cleaned(tuple(path.name for path in unused), size, len(folders) - len(unused))


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise storage_error("delete", path, error) from error


def _used(store: Path, *, dry_run: bool, but: Path | None = None) -> set[str]:
    used: set[str] = set()
    for entry in sorted((store / "runs").glob("*.json")):
        run = read_json(entry)
        if run is not None and but is not None and run["output"] == str(but.resolve()):
            continue
        if run is not None and (Path(run["output"]) / MANIFEST_NAME).exists():
            used |= set(run["tasks"])
        elif not dry_run:
            entry.unlink(missing_ok=True)
    return used
