"""What lies in the folder of a finished run beside what its manifest names: missing, changed, or nobody's."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import OctomedError
from octomed.file_names import REPAIR
from octomed.pipeline.output.manifest_file import LIKE_OURS, NAME, unpacked_name
from octomed.plain_names import leads_out
from octomed.report.views import Finding
from octomed.run_file import RUN_FILE
from octomed.storage import LOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.pipeline.output.manifest_file import FileRecord
    from octomed.run_file import RunFile

CHANGED = "its bytes are not those that were written: its digest differs"
LINK = "it is a link that leads out of the run"
_TABLES = ("provenance", "rejects", "reports")
_OWN = {RUN_FILE, NAME, LOCK_NAME, REPAIR}


@dataclass(frozen=True)
class Listing:
    """The files of a run's folder.

    Attributes
    ----------
    findings
        What is missing, of another size, a link that leads out, or has a name that only a run's file has.
    not_covered
        What no digest is kept of, by name: a user's own files beside the run, and its working store.
    """

    findings: list[Finding] = field(default_factory=list)
    not_covered: list[str] = field(default_factory=list)


def list_run(folder: Path, run: RunFile, records: Mapping[str, FileRecord]) -> Listing:
    """Compare names and sizes below a run's folder with those that its manifest has.

    Parameters
    ----------
    folder
        The output folder.
    run
        Its run file.
    records
        Size and digest of each file, by name; empty where nothing says of all of them.
    """
    listing = Listing()
    for name, record in sorted(records.items()):
        fault = _fault(folder, name, record)
        if fault is not None:
            listing.findings.append(fault)
    unpacked = {name for name in map(unpacked_name, records) if name}
    for name in _below(folder, {*run.streams, *_TABLES}):
        if leads_out(folder, name):
            listing.findings.append(Finding(name, LINK))
        elif name in records or name in unpacked:
            continue
        elif records and LIKE_OURS.fullmatch(name):
            listing.findings.append(Finding(name, "it is not a file of this run"))
        elif not LIKE_OURS.fullmatch(name):
            listing.not_covered.append(name)
    _list_others(folder, run, listing)
    return listing


def _fault(folder: Path, name: str, record: FileRecord) -> Finding | None:
    path = folder / name
    try:
        found = path.stat()
    except OSError:
        missing = not os.path.lexists(path)
        return Finding(name, "it is missing" if missing else "it cannot be read", missing=missing)
    if not stat.S_ISREG(found.st_mode):
        return Finding(name, "it is not a file")
    if leads_out(folder, name):
        return Finding(name, LINK)
    if found.st_size != record.bytes:
        return Finding(name, f"it has {found.st_size} bytes, not {record.bytes}")
    return None


def _below(folder: Path, names: set[str]) -> Iterator[str]:
    """Yield the files below some of a run's folders; no link is followed."""
    for name in sorted(names):
        if (folder / name).is_symlink():
            yield name
            continue
        for parent, folders, files in os.walk(folder / name):
            links = [one for one in folders if Path(parent, one).is_symlink()]
            yield from sorted(str(Path(parent, one).relative_to(folder)) for one in (*files, *links))


def _list_others(folder: Path, run: RunFile, listing: Listing) -> None:
    """Look at what else the folder holds: a stream that the run does not name is a finding."""
    for path in sorted(folder.iterdir()):
        if path.name in {*run.streams, *_TABLES, *_OWN}:
            continue
        is_stream = path.is_dir() and ((path / "index.json").exists() or any(path.glob("shard.*.mds*")))
        if is_stream:
            name = f"{path.name}/index.json"
            listing.findings.append(Finding(name, "`octomed.json` names no such stream"))
        else:
            listing.not_covered.append(path.name + ("/" if path.is_dir() else ""))


def check_digests(folder: Path, records: Mapping[str, FileRecord], workers: int) -> list[Finding]:
    """Read files whole and compare their digests, where they are known.

    Parameters
    ----------
    folder
        The output folder.
    records
        Size and digest of each file, by name.
    workers
        Threads.
    """

    def check(name: str) -> Finding | None:
        try:
            _, digest = _octomed.file_digest(str(folder / name))
        except OctomedError as error:
            return Finding(name, f"it cannot be read: {error.message}")
        return None if digest == records[name].digest else Finding(name, CHANGED)

    names = [
        name
        for name, record in sorted(records.items())
        if record.digest is not None and (folder / name).is_file() and not leads_out(folder, name)
    ]
    with ThreadPoolExecutor(workers) as pool:
        return [finding for finding in pool.map(check, names) if finding is not None]
