"""How a verification reads a run in a folder: all at once, as nothing has to be fetched."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from octomed.pipeline.finished.verify_stream import check_stream, decode_stream
from octomed.pipeline.output.listing import check_digests, list_run
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from octomed import _octomed
    from octomed.pipeline.output.listing import Listing
    from octomed.pipeline.output.manifest_file import FileRecord
    from octomed.report.views import Finding
    from octomed.run_file import RunFile
    from octomed.store import Store


@dataclass
class StreamChecked:
    """What was read of a stream.

    Attributes
    ----------
    checks
        Of each shard that could be read, in order.
    is_whole
        Whether these are all.
    findings
        What is wrong.
    images
        Distinct images that were decoded.
    """

    checks: list[_octomed.ShardCheck]
    is_whole: bool
    findings: list[Finding]
    images: int = 0


class RunReading(Protocol):
    """What a verification asks of a run, wherever it lies.

    Attributes
    ----------
    of_files
        Files whose bytes are not those that were written, as far as they have been read.
    """

    of_files: list[Finding]

    def listing(self, records: Mapping[str, FileRecord]) -> Listing:
        """Compare names and sizes of files with those of the manifest."""

    def read_files(self, records: Mapping[str, FileRecord]) -> None:
        """Compare digests of files, but for those of which that is done when they are read."""

    def stream(self, name: str, decoding: _octomed.ImageDecoding | None) -> StreamChecked:
        """Read the shards of a stream."""

    def tables(self, prefix: str) -> AbstractContextManager[Store]:
        """Have tables whose names begin with a prefix at hand, while the block runs."""


@dataclass
class FolderReading:
    """A run in a folder.

    Attributes
    ----------
    folder, run
        The run.
    workers
        Threads.
    of_files
        As of `RunReading`.
    """

    folder: Path
    run: RunFile
    workers: int
    of_files: list[Finding] = field(default_factory=list)

    def listing(self, records: Mapping[str, FileRecord]) -> Listing:
        """Compare names and sizes of files with those of the manifest."""
        return list_run(self.folder, self.run, records)

    def read_files(self, records: Mapping[str, FileRecord]) -> None:
        """Compare the digests of all files."""
        self.of_files += check_digests(self.folder, records, self.workers)

    def stream(self, name: str, decoding: _octomed.ImageDecoding | None) -> StreamChecked:
        """Read the shards of a stream."""
        findings: list[Finding] = []
        checks, whole = check_stream(self.folder, name, self.run, self.workers, findings)
        stream = self.folder / name
        images = 0 if decoding is None else decode_stream(stream, decoding, self.workers, findings)
        return StreamChecked(checks, whole, findings, images)

    @contextlib.contextmanager
    def tables(self, _: str) -> Iterator[Store]:
        """Have tables at hand: they are."""
        yield LocalStore(self.folder)
