"""A run that is whole in one place, put to others: no row is read again for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.errors import StorageError
from octomed.mds_index import INDEX
from octomed.names import shown
from octomed.pipeline.output.manifest_file import NAME, load_manifest
from octomed.pipeline.output.uploads import Uploads
from octomed.pipeline.threads.executor import executor
from octomed.run_file import RUN_FILE
from octomed.state import there
from octomed.storage import atomic_file, make_folder_inside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.pipeline.output.manifest_file import ManifestFile
    from octomed.pipeline.output.targets import Target
    from octomed.report.progress import Progress
    from octomed.run_file import Uploaded

_PIECE = 2**24
"""Bytes that are read of a store at a time."""


@dataclass(frozen=True)
class FromTarget:
    """Brings the files of a whole run from where it lies.

    Attributes
    ----------
    target
        Where it lies.
    folder
        Where the files are brought to.
    """

    target: Target
    folder: Path

    def fetch(self, name: str, path: Path) -> None:
        """Bring a file, piece by piece; it is there when it is whole.

        Raises
        ------
        StorageError
            When it cannot be read, or is shorter than it was listed.
        """
        make_folder_inside(self.folder, name.rpartition("/")[0], "owner")
        left = size = self.target.sizes[name]
        with atomic_file(path, mode="owner", sync=False) as file:
            while left:
                data = self.target.store.read_range(name, size - left, min(left, _PIECE))
                if not data:
                    raise StorageError(f"`{shown(self.target.path_of(name))}` ends before its size")
                file.write(data)
                left -= len(data)


def complete(
    folder: Path, whole: Target | None, others: Sequence[Target], progress: Progress, workers: int
) -> Uploaded:
    """Put the files of a whole run to the targets that lack some.

    Parameters
    ----------
    folder
        The run's folder, or a staging folder.
    whole
        The target that has it all; None where the folder has.
    others
        Where it goes, claimed.
    progress
        Told of what is put.
    workers
        Threads of the run.

    Returns
    -------
    Uploaded
        What was put.

    Raises
    ------
    StorageError
        When a file cannot be read or put, or is damaged where it is read.
    """
    source = None if whole is None else FromTarget(whole, folder)
    uploads = Uploads(folder, others, keeps=source is None, source=source)
    manifest = _manifest(folder, whole)
    records = manifest.records
    indexes = sorted(name for name in records if name.endswith(f"/{INDEX}"))
    last = [NAME, *indexes, RUN_FILE]
    sizes = {name: record.bytes for name, record in records.items() if name not in last}
    with executor(workers) as threads:
        uploads.start(threads, progress)
        if source is not None:
            threads.wait(threads.submit_background(_fetch_all, source, last))
        uploads.begin(sizes, writes=False)
        for name, size in sizes.items():
            uploads.put(name, size, digest=records[name].digest)
        uploads.settle(progress)
        uploads.publish(sizes, last)
    return uploads.counts


def _manifest(folder: Path, whole: Target | None) -> ManifestFile:
    found = there(load_manifest(folder) if whole is None else whole.held.manifest)
    if found is None:  # it was read a moment ago
        raise StorageError(f"`{shown(str(folder / NAME))}` cannot be read any more")
    return found


def _fetch_all(source: FromTarget, names: Sequence[str]) -> None:
    for name in names:
        source.fetch(name, source.folder / name)
