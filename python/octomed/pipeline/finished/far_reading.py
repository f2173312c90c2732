"""How a verification reads a run at an address: every byte once, and on this disk a shard for each thread."""

from __future__ import annotations

import contextlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.mds_index import INDEX, ShardInfo, read_index
from octomed.pipeline.finished.run_reading import StreamChecked
from octomed.pipeline.finished.verify_stream import check_stream, decode_stream
from octomed.pipeline.output.listing import CHANGED, Listing
from octomed.pipeline.output.manifest_file import LIKE_OURS, NAME, FileRecord, unpacked_name
from octomed.report.views import Finding
from octomed.run_file import RUN_FILE
from octomed.storage import write_atomically
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from octomed.pipeline.finished.far_runs import FarRun
    from octomed.run_file import RunFile
    from octomed.store import Store

_MD5 = re.compile(r'"?([0-9a-fA-F]{32})"?')
_TABLES = ("provenance", "rejects", "reports")
_NOT_LISTED = "what else lies there: the place cannot be listed"


@dataclass
class FarReading:
    """A run at an address.

    Attributes
    ----------
    far, run
        The run.
    workers
        Threads.
    of_files
        As of `RunReading`.
    """

    far: FarRun
    run: RunFile
    workers: int
    _records: Mapping[str, FileRecord] = field(default_factory=dict)
    of_files: list[Finding] = field(default_factory=list)

    def listing(self, records: Mapping[str, FileRecord]) -> Listing:
        """Compare names and sizes of objects with the manifest's, and their MD5 where both have one."""
        self._records = records
        listing = Listing()
        objects = self.far.objects
        digests = self._digests_of_indexes()
        for name, record in sorted(records.items()):
            found = objects.get(name)
            if found is None:
                listing.findings.append(Finding(name, "it is missing", missing=True))
            elif found.size != record.bytes:
                listing.findings.append(Finding(name, f"it has {found.size} bytes, not {record.bytes}"))
            elif _differs(found.version, digests.get(name)):
                listing.findings.append(Finding(name, CHANGED))
        unpacked = {name for name in map(unpacked_name, records) if name}
        known = {*records, *unpacked, RUN_FILE, NAME}
        for name in sorted(objects.keys() - known):
            self._list_other(name, listing, has_records=bool(records))
        if not self.far.is_listed:
            listing.not_covered.append(_NOT_LISTED)
        return listing

    def _list_other(self, name: str, listing: Listing, *, has_records: bool) -> None:
        folder = name.partition("/")[0]
        is_shard = LIKE_OURS.fullmatch(name) is not None and "/" in name
        if folder in {*self.run.streams, *_TABLES} and is_shard and has_records:
            listing.findings.append(Finding(name, "it is not a file of this run"))
        elif folder not in {*self.run.streams, *_TABLES} and is_shard:
            finding = Finding(f"{folder}/{INDEX}", "`octomed.json` names no such stream")
            listing.findings.extend([] if finding in listing.findings else [finding])
        else:
            other = name if folder in {*self.run.streams, *_TABLES, name} else f"{folder}/"
            listing.not_covered.extend([] if other in listing.not_covered else [other])

    def _digests_of_indexes(self) -> dict[str, str]:
        """Return the MD5 of shards, where the run was packed with them (`output.hashes: [md5]`)."""
        output = self.run.recipe.get("output")
        if not isinstance(output, dict) or "md5" not in (output.get("hashes") or ()):
            return {}
        found: dict[str, str] = {}
        for stream in self.run.streams:
            with contextlib.suppress(FileNotFoundError, ValueError):
                infos = read_index(self.far.fetch(f"{stream}/{INDEX}").read_bytes()).shards
                found |= {f"{stream}/{one.file.basename}": one.file.hashes.get("md5", "") for one in infos}
        return found

    def read_files(self, records: Mapping[str, FileRecord]) -> None:
        """Read what no later step reads: reports."""
        for name in sorted(records):
            if name.partition("/")[0] not in {*self.run.streams, "provenance", "rejects"}:
                with self._fetched(name):
                    pass

    def stream(self, name: str, decoding: _octomed.ImageDecoding | None) -> StreamChecked:
        """Read the shards of a stream, a few at a time."""
        index = f"{name}/{INDEX}"
        missing = index not in self.far.objects
        infos: tuple[ShardInfo, ...] = ()
        what = "it is missing" if missing else "it lists no shard"
        try:
            with self._fetched(index) as path:
                infos = () if path is None else read_index(path.read_bytes()).shards
        except ValueError as error:
            what = str(error)
        if not infos:
            return StreamChecked([], False, [Finding(index, what, missing)])
        with ThreadPoolExecutor(self.workers) as pool:
            seen = list(
                pool.map(lambda number: self._shard(name, number, infos[number], decoding), range(len(infos)))
            )
        return StreamChecked(
            [check for one in seen for check in one.checks],
            all(one.is_whole for one in seen),
            [finding for one in seen for finding in one.findings],
            sum(one.images for one in seen),
        )

    def _shard(
        self, stream: str, number: int, info: ShardInfo, decoding: _octomed.ImageDecoding | None
    ) -> StreamChecked:
        """Read a shard as the only one of a stream of its own."""
        findings: list[Finding] = []
        here = self.far.folder / f".{stream}-{number}"
        name = f"{stream}/{info.file.basename}"
        try:
            with self._fetched(name, to=here / name) as path:
                if path is None:
                    return StreamChecked([], False, findings)
                write_atomically(here / stream / INDEX, _octomed.index_json([info]), sync=False)
                checks, whole = check_stream(here, stream, self.run, 1, findings)
                images = 0 if decoding is None else decode_stream(here / stream, decoding, 1, findings)
                return StreamChecked(checks, whole, findings, images)
        finally:
            shutil.rmtree(here, ignore_errors=True)

    @contextlib.contextmanager
    def tables(self, prefix: str) -> Iterator[Store]:
        """Have tables here, whose digests were compared, and remove them afterwards."""
        names = {*self._records, *(self.run.run.files or ()), *self.far.objects}
        with contextlib.ExitStack() as fetched:
            for name in sorted(name for name in names if name.startswith(prefix)):
                fetched.enter_context(self._fetched(name))
            yield LocalStore(self.far.folder)

    @contextlib.contextmanager
    def _fetched(self, name: str, to: Path | None = None) -> Iterator[Path | None]:
        """Have a file here, once its digest was compared; None where it is missing or of another size."""
        record, found = self._records.get(name), self.far.objects.get(name)
        if found is None or (record is not None and found.size != record.bytes):
            yield None  # the listing has said so
            return
        try:
            path = self.far.fetch(name, to)
        except FileNotFoundError:
            self.of_files.append(Finding(name, "it was removed meanwhile", missing=True))
            yield None
            return
        try:
            if record is not None and record.digest not in {None, _octomed.file_digest(str(path))[1]}:
                self.of_files.append(Finding(name, CHANGED))
            yield path
        finally:
            path.unlink(missing_ok=True)


def _differs(version: str | None, digest: str | None) -> bool:
    """Tell whether an ETag is another MD5; most are none, of objects written in parts for one."""
    found = _MD5.fullmatch(version or "")
    return bool(found and digest) and found is not None and found[1].lower() != digest
