"""The files of a published run: most as they are, some made anew without what stays at home."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.mds_index import INDEX
from octomed.names import shown
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.run_places import far_run, place_of, store_of
from octomed.pipeline.output.difference import About
from octomed.pipeline.output.manifest_file import MANIFEST, NAME, FileRecord, ManifestFile, load_manifest
from octomed.publish.personal import refuse_identifying
from octomed.publish.public_run import public_key, public_run
from octomed.publish.tables import file_numbers, write_without_files
from octomed.report.identifying import searches_for_identifying
from octomed.run_file import RUN_FILE, run_file_bytes
from octomed.state import as_written, there
from octomed.store import StoredFile
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.run_file import RunFile

COUNTS = "reports/decontamination.json"
_PROVENANCE, _REJECTS, _REPORTS = "provenance/", "rejects/", "reports/"


@dataclass(frozen=True)
class PublishedFile:
    """A file that goes along.

    Attributes
    ----------
    name
        Below the repository.
    size
        Its bytes.
    made
        Where it lies here if it was made for this; None of a file of the run as it is.
    """

    name: str
    size: int
    made: Path | None = None


@dataclass(frozen=True)
class Contents:
    """A run as it is published.

    Attributes
    ----------
    folder
        Of the run as it lies here.
    key
        Of what is published: equal keys are equal files.
    files
        In the order in which they go: those that say that the run is whole come last.
    left_out
        Files of the run that stay, by name.
    notes
        What whoever publishes has to know.
    """

    folder: Path
    key: str
    files: tuple[PublishedFile, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @contextlib.contextmanager
    def here(self, file: PublishedFile) -> Iterator[Path]:
        """Have a file on this machine for as long as the block runs."""
        far = None if file.made is not None else far_run(self.folder)
        if far is None:
            yield file.made or self.folder / file.name
            return
        try:
            yield far.fetch(file.name)
        except FileNotFoundError:
            raise DataError(f"`{shown(far.place(file.name))}` is missing") from None
        finally:
            far.drop(file.name)


@contextlib.contextmanager
def contents_of(folder: Path, include: frozenset[str], repository: str) -> Iterator[Contents]:
    """Have a finished run ready to be published for as long as the block runs.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    include
        What is published besides (:data:`octomed.publish.choices.INCLUDED`).
    repository
        `owner/name` of where it goes, for the dataset card.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, one of an earlier version, or traces that were flagged for
        identifying data.
    DataError
        When a file of it is missing or damaged.
    """
    run = read_run(folder)
    manifest = there(load_manifest(folder))
    if manifest is None or not run.has_digests or run.run.files is None:
        message = f"`{shown(place_of(folder))}` is of an earlier version, and keeps no digests of its files"
        raise RecipeError(message, "pack it again with this octomed")
    refuse_identifying(folder, run, include)
    with tempfile.TemporaryDirectory(prefix="octomed-push-") as made:
        yield _Making(folder, run, manifest, include, Path(made)).contents(repository)


@dataclass
class _Making:
    """Makes the files of a published run.

    Attributes
    ----------
    folder, run, manifest
        The run.
    include
        What is published besides.
    made
        Where files are made.
    records
        Size and digest of each file that is published.
    """

    folder: Path
    run: RunFile
    manifest: ManifestFile
    include: frozenset[str]
    made: Path
    records: dict[str, FileRecord] = field(default_factory=dict)

    def contents(self, repository: str) -> Contents:
        """Return all of it."""
        kept = [name for name in sorted(self.manifest.files) if name != RUN_FILE and self._goes(name)]
        made = [self._table(name) for name in kept if self._is_made(name)]
        as_they_are = [name for name in kept if not self._is_made(name) and not name.endswith(f"/{INDEX}")]
        shards = sorted(self.manifest.shards)
        indexes = sorted(name for name in kept if name.endswith(f"/{INDEX}"))
        self.records |= {name: self.manifest.records[name] for name in (*shards, *as_they_are, *indexes)}
        key = public_key(self.run, self.include)
        manifest = self._write(NAME, self._manifest(key))
        digest = _octomed.digest(manifest.made.read_bytes()) if manifest.made else None
        public = public_run(self.run, key, self.include, files=tuple(sorted(self._files())), manifest=digest)
        from octomed.publish.pages import published_pages  # noqa: PLC0415 a short chain of imports

        pages, notes = published_pages(self.folder, public, self.include, repository)
        files = [
            manifest,  # first: whoever goes on knows by it whose files these are
            *made,
            *map(self._as_it_is, (*as_they_are, *shards, *indexes)),
            *(self._write(name, text.encode()) for name, text in sorted(pages.items())),
            self._write(RUN_FILE, run_file_bytes(public)),
        ]
        left = tuple(name for name in sorted(self.manifest.files) if name != RUN_FILE and name not in kept)
        return Contents(self.folder, key, tuple(files), left, (*notes, *_notes(self.run, self.include)))

    def _goes(self, name: str) -> bool:
        if name.startswith(_REJECTS):
            return "rejects" in self.include
        if name == COUNTS:  # numbers alone
            return True
        return "reports" in self.include or not name.startswith(_REPORTS)

    def _is_made(self, name: str) -> bool:
        return "paths" not in self.include and name.startswith((_PROVENANCE, _REJECTS))

    def _table(self, name: str) -> PublishedFile:
        path = self._path(name)
        with StoredFile(store_of(self.folder), name) as table:
            write_without_files(table, path, file_numbers(self.run))
        size, digest = _octomed.file_digest(str(path))
        self.records[name] = FileRecord(size, str(digest))
        return PublishedFile(name, size, path)

    def _as_it_is(self, name: str) -> PublishedFile:
        return PublishedFile(name, self.records[name].bytes)

    def _write(self, name: str, data: bytes) -> PublishedFile:
        path = self._path(name)
        path.write_bytes(data)
        return PublishedFile(name, len(data), path)

    def _path(self, name: str) -> Path:
        path = self.made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _files(self) -> dict[str, FileRecord]:
        return {name: record for name, record in self.records.items() if name not in self.manifest.shards}

    def _manifest(self, key: str) -> bytes:
        about = About(tokenizer=self.run.tokenizer.content_hash, versions=self.run.versions)
        stored = ManifestFile(key, dict(self.manifest.shards), self._files(), (), about)
        return as_written(MANIFEST.signed(plain(stored)))


def _notes(run: RunFile, include: frozenset[str]) -> Iterator[str]:
    if not searches_for_identifying(run):
        yield "nobody looked for data that identify a person in this run (`curate.identifying`)"
    if "reports" in include:
        yield "`reports/` holds texts and pictures of the data, and names of files"
