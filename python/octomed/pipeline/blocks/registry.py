"""Which outputs use which blocks of a working store: its notes, and what is believed of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING
from urllib.parse import unquote

from octomed.errors import OctomedError
from octomed.names import shown
from octomed.pipeline.output.manifest_file import NAME as MANIFEST_NAME
from octomed.state import Damaged
from octomed.storage import content_key
from octomed.store_files import RegisteredRun, load_registered_run, write_registered_run
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from octomed.store import Files, Store

_ENTRIES = "runs/"


def register_run(states: Files, output: str, tasks: list[str]) -> None:
    """Note that a run uses these tasks' blocks.

    Parameters
    ----------
    states
        The store that has the notes (`WorkingStore.states`).
    output
        The run's output, as `WorkingStore.registered` calls it.
    tasks
        Keys of its tasks.
    """
    write_registered_run(states, entry_of(output), RegisteredRun(output, tuple(sorted(set(tasks)))))


def mend_registration(states: Files, output: str, tasks: list[str]) -> None:
    """Note it again where the note is damaged."""
    if isinstance(load_registered_run(states, entry_of(output)), Damaged):
        register_run(states, output, tasks)


def entry_of(output: str) -> str:
    """Return the name of an output's note."""
    return f"{_ENTRIES}{content_key(output)}.json"


@dataclass(frozen=True)
class InUse:
    """What outputs use.

    Attributes
    ----------
    tasks
        Keys of the tasks.
    notes
        What is to be told of outputs of which it is not known whether they are still there.
    gone
        Names of the notes of outputs that are not there any more.
    """

    tasks: frozenset[str]
    notes: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def in_use(states: Store) -> InUse:
    """Return which tasks' blocks existing outputs use.

    Raises
    ------
    StorageError
        When a note is damaged: what its output uses is not known.
    """
    used: set[str] = set()
    notes, gone = [], []
    for name in states.names(_ENTRIES):
        run = load_registered_run(states, name)
        if isinstance(run, Damaged):
            raise run.error(
                "nothing was removed, as which blocks its output uses is not known; `octomed pack` of that "
                "output's recipe writes it again, and `--everything` removes the blocks in use as well"
            )
        if not isinstance(run, RegisteredRun):
            continue
        is_there, note = _is_there(run.output)
        notes += [note] if note else []
        if is_there:
            used |= set(run.tasks)
        else:
            gone.append(name)
    return InUse(frozenset(used), tuple(notes), tuple(gone))


def _is_there(output: str) -> tuple[bool, str | None]:
    """Tell whether an output has a manifest, and what to say where that cannot be known."""
    scheme = scheme_of(output)
    if scheme == "file":
        host, slash, path = output.removeprefix("file://").partition("/")
        if host == gethostname():
            return _has_manifest(slash + unquote(path)), None
        where = f"`{shown(slash + unquote(path))}` on `{shown(host)}`"
        return True, f"{where} is taken to be there: its blocks were kept, and `--everything` removes them"
    if scheme is None:
        return _has_manifest(output), None
    return _is_at(output)


def _is_at(address: str) -> tuple[bool, str | None]:
    from octomed.stores.client import open_store  # noqa: PLC0415 where an address is met

    try:
        return open_store(address).size(MANIFEST_NAME) is not None, None
    except OctomedError as error:
        return True, f"{error.message}: it is taken to be there, and its blocks were kept"


def _has_manifest(output: str) -> bool:
    try:
        return (Path(output) / MANIFEST_NAME).exists()
    except (OSError, ValueError):  # no name that a folder could have
        return False
