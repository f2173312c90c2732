"""The files of a target before a run is put there and after: what goes, and what has to stand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.file_names import RUN_FILE, is_name_of_run
from octomed.mds_index import INDEX
from octomed.names import shown
from octomed.pipeline.output.pages import remove_pages
from octomed.storage import storage_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from octomed.pipeline.output.targets import Target

_DELETING_THREADS = 16


def make_way(target: Target, records: Mapping[str, int], *, writes: bool) -> None:
    """Delete another run's files; of this run's own those that say it is whole, where it will not be.

    Parameters
    ----------
    target
        Claimed.
    records
        Sizes of the files that stand, by name.
    writes
        Whether others will be written.

    Raises
    ------
    StorageError
        When the target refuses.
    """
    lacks = any(target.sizes.get(name) != size for name, size in records.items())
    if writes or lacks or target.obsolete:
        says_whole = filter(_says_whole, target.sizes)
        _delete(target, sorted(says_whole, key=lambda name: name != RUN_FILE), threads=1)
    if target.obsolete:
        remove_pages(target.store)
    _delete(target, [name for name in target.obsolete if name in target.sizes], threads=_DELETING_THREADS)
    target.obsolete = ()


def _says_whole(name: str) -> bool:
    """Tell whether a file says that all others stand."""
    return name == RUN_FILE or (name.rpartition("/")[2] == INDEX and is_name_of_run(name))


def _delete(target: Target, names: list[str], *, threads: int) -> None:
    if not names:
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="octomed-delete") as pool:
        try:
            for _ in pool.map(target.store.delete, names):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for name in names:
        target.sizes.pop(name, None)


def refuse_missing(target: Target, records: Mapping[str, int]) -> None:
    """See, before it is said that a run is whole, that all its files stand and that the target is the run's.

    Parameters
    ----------
    target
        Where they were put.
    records
        Their sizes, by name.

    Raises
    ------
    StorageError
        When one is missing or of another size, or another run may write there.
    """
    there = {one.name: one.size for one in target.store.listed()}
    gone = [name for name, size in records.items() if there.get(name) != size]
    if gone:
        more = f" and {len(gone) - 1:,} more files" if len(gone) > 1 else ""
        message = f"`{shown(target.path_of(gone[0]))}`{more} was uploaded, and is not there"
        raise StorageError(message, "see what deletes objects there, then run the same command again")
    refuse_lost(target)


def refuse_lost(target: Target) -> None:
    """See that a target is still the run's.

    Raises
    ------
    StorageError
        When another run may write there.
    """
    if target.is_lost:
        place = shown(target.location)
        message = f"the lease of `{place}` was not renewed in time: another run may write there"
        raise StorageError(message, "check the network of this machine, then run the same command again")


def remove_file(path: Path) -> None:
    """Remove a local file that is elsewhere now.

    Raises
    ------
    StorageError
        When that is not allowed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error("delete", path, error) from error
