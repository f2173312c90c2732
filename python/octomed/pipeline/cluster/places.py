"""The folders that all nodes must see: the driver writes a token there, each node reads and answers it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import ClusterError
from octomed.file_names import RUN_FILE
from octomed.storage import make_folder, temporary_name, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.planning.run_spec import RunSpec

FOLDER = "nodes"
"""Below the working store: what a run over several machines has there while it lasts."""

_OLD_SECONDS = 86_400
_PATIENCE_SECONDS = 10.0
"""How long a file of a node may take to be seen here: network file systems keep what a folder held."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class Places:
    """Where a run's nodes meet.

    Attributes
    ----------
    folder
        Of this run, below the working store.
    store, output
        The working store and the output folder.
    token
        What is written there.
    """

    folder: Path
    store: Path
    output: Path
    token: str


@dataclass(frozen=True)
class Seen:
    """What a node saw of the places.

    Attributes
    ----------
    fault
        What it did not see, and what to do about it; None where it saw all.
    written
        The file that it left in the output folder.
    """

    fault: tuple[str, str] | None = None
    written: str = ""


@contextlib.contextmanager
def meeting(run: RunSpec) -> Iterator[Places]:
    """Write what nodes are to find; it is removed when the block ends.

    Raises
    ------
    StorageError
        When the working store cannot be written.
    """
    token = secrets.token_hex(8)
    shared = run.store / FOLDER
    _remove_old(shared)
    places = Places(shared / token, run.store, run.output, token)
    make_folder(places.folder, run.working.mode)
    files = sorted(
        {(spec.task.file.path, spec.task.file.size) for spec in run.tasks if not spec.task.file.is_remote}
    )
    write_json(places.folder / "start.json", {"token": token, "files": files}, mode=run.working.mode)
    try:
        yield places
    finally:
        shutil.rmtree(places.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            shared.rmdir()


def look(places: Places, node: str) -> Seen:
    """Look at the places from a node, and answer there. Runs on the node.

    Parameters
    ----------
    places
        As the driver has them.
    node
        Its id.
    """
    try:
        said = json.loads((places.folder / "start.json").read_bytes())
    except OSError as error:
        return Seen((f"does not see the working store `{places.store}` ({error.strerror})", _SHARE_STORE))
    if said["token"] != places.token:
        return Seen((f"has another folder at `{places.store}`", _SHARE_STORE))
    fault = _unlike(said["files"])
    if fault is not None:
        return Seen(fault)
    try:
        (places.folder / f"{node}.json").write_text(places.token)
    except OSError as error:
        return Seen((f"cannot write to the working store `{places.store}` ({error.strerror})", _WRITABLE))
    written = temporary_name(RUN_FILE)  # a name that the next run removes, should this one die now
    try:
        (places.output / written).write_text(places.token)
    except OSError as error:
        return Seen(
            (f"cannot write to the output folder `{places.output}` ({error.strerror})", _SHARE_OUTPUT)
        )
    return Seen(None, written)


def refuse_unseen(places: Places, node: str, name: str, seen: Seen) -> None:
    """Refuse a node that does not see what the driver sees, or of whose answers the driver sees none.

    Parameters
    ----------
    places, node
        As of `look`.
    name
        What messages call the node.
    seen
        What the node saw.

    Raises
    ------
    ClusterError
        With what it does not see, and a way out.
    """
    if seen.fault is not None:
        raise ClusterError(f"node `{name}` {seen.fault[0]}", seen.fault[1])
    if not _comes(places.folder / f"{node}.json"):
        raise ClusterError(f"what node `{name}` writes to `{places.store}` is not seen here", _SHARE_STORE)
    written = places.output / seen.written
    if not _comes(written):
        raise ClusterError(f"what node `{name}` writes to `{places.output}` is not seen here", _SHARE_OUTPUT)
    with contextlib.suppress(OSError):
        written.unlink()


_SHARE_STORE = (
    "have `work.path` in a folder that all nodes mount at the same path; "
    "of a store at an address, that is `work.scratch`"
)
_SHARE_OUTPUT = (
    "have `output.path` in a folder that all nodes mount at the same path; "
    "of an output at an address, that is `work.scratch`"
)
_WRITABLE = "give the user that Ray runs as there the right to write, or `work.mode: group`"


def _unlike(files: list[list[Any]]) -> tuple[str, str] | None:
    """Return what is to be said of sources that a node reads otherwise."""
    found: list[str] = []
    for path, size in files:
        try:
            there = os.stat(path).st_size  # noqa: PTH116 hundreds of thousands of them
            if not os.access(path, os.R_OK):
                found.append(f"cannot read `{path}`")
            elif there != size:
                found.append(f"has {there:,} bytes of `{path}`, and here are {size:,}")
        except OSError as error:
            found.append(f"cannot read `{path}` ({error.strerror})")
    if not found:
        return None
    more = len(found) - _MOST_NAMED
    text = ", ".join(found[:_MOST_NAMED]) + (f", and {more:,} more" if more > 0 else "")
    return text, "mount the sources at the same path on all nodes, or name them by an address (`s3://…`)"


def _comes(path: Path) -> bool:
    """Tell whether a file is seen within some seconds."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            return False
        with contextlib.suppress(OSError):
            os.listdir(path.parent)  # noqa: PTH208 has a network file system look again
        time.sleep(0.1)
    return True


def _remove_old(shared: Path) -> None:
    """Remove what runs left that were killed more than a day ago."""
    with contextlib.suppress(OSError):
        for path in list(shared.iterdir()):
            if time.time() - path.stat().st_mtime > _OLD_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
