"""What a scan does with blocks of a working store at an address: brought before it, shared after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from octomed.pipeline.calls.thresholds import stands
from octomed.state import Damaged, NotThere
from octomed.store_files import TaskRecord, finished_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.pipeline.blocks.remote_blocks import RemoteBlocks, RemoteTask
    from octomed.pipeline.calls.made_again import MadeAgain
    from octomed.pipeline.calls.specs import TaskSpec
    from octomed.pipeline.inputs.scanned import ScannedTask
    from octomed.pipeline.threads.transfers import Transfers


class Blocks(Protocol):
    """What a scan tells of the blocks of its tasks."""

    def bring(self, specs: Sequence[TaskSpec], again: MadeAgain) -> None:
        """Have blocks here that need not be scanned; tell `again` what could not be used."""

    def share(self, scanned: ScannedTask) -> None:
        """Hear that the blocks of a task stand here."""

    def forget(self, key: str) -> None:
        """Hear that the blocks of a task are not to be used again."""

    def finish(self) -> None:
        """Wait until all is where it belongs."""


class NoSharedBlocks:
    """Blocks of a store that is a folder of this machine."""

    def bring(self, specs: Sequence[TaskSpec], again: MadeAgain) -> None:
        """Do nothing."""

    def share(self, scanned: ScannedTask) -> None:
        """Do nothing."""

    def forget(self, key: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


def shared_blocks(remote: RemoteBlocks | None, transfers: Transfers, *, keeps: bool) -> Blocks:
    """Return what a scan tells of its blocks.

    Parameters
    ----------
    remote
        What is at the store's address, if it has one.
    transfers, keeps
        As of `SharedBlocks`.
    """
    return NoSharedBlocks() if remote is None else SharedBlocks(remote, transfers, keeps=keeps)


class SharedBlocks:
    """Blocks that are at an address as well.

    Parameters
    ----------
    remote
        What is there.
    transfers
        Uploads what was scanned while the run goes on.
    keeps
        Whether blocks of this run are to stay there.
    """

    def __init__(self, remote: RemoteBlocks, transfers: Transfers, *, keeps: bool = True) -> None:
        self._remote = remote
        self._transfers = transfers
        self._keeps = keeps
        self._there: dict[str, RemoteTask] = {}

    def bring(self, specs: Sequence[TaskSpec], again: MadeAgain) -> None:
        """Fetch the blocks of tasks that stand there and not here."""
        self._transfers.finish()  # what this run uploads is not looked at before it is there
        self._there = self._remote.look(spec.task.key for spec in specs)
        wanted = {spec.task.key: self._there[spec.task.key] for spec in specs if self._is_wanted(spec, again)}
        for key in self._remote.fetch(wanted):
            del self._there[key]

    def _is_wanted(self, spec: TaskSpec, again: MadeAgain) -> bool:
        there, here = self._there[spec.task.key], finished_task(spec.local, spec.task.key)
        if here is not None and stands(here.blocks, spec.scanner):
            return False
        if there.record is not None:
            return stands(there.record.blocks, spec.scanner)
        if here is None and not isinstance(there.note, NotThere):
            again.task(spec.task, there.note)
        return False

    def share(self, scanned: ScannedTask) -> None:
        """Upload the blocks of a task, unless they are there."""
        if scanned.bad is not None or not self._keeps:
            return
        key, record = scanned.task.key, TaskRecord(scanned.headers, scanned.rows)
        there = self._there.get(key)
        if there is None or there.record != record:
            if there is not None and not isinstance(there.note, NotThere):
                self._remote.forget(key)  # nobody is to fetch some of its files and some of ours
            self._remote.upload(self._transfers, key, record)
        if scanned.task.without_images is not None:
            self._remote.note_without_images(self._transfers, scanned.task.without_images)

    def finish(self) -> None:
        """Wait until all that was shared is there; raises what went wrong."""
        self._transfers.finish()

    def forget(self, key: str) -> None:
        """Have it forgotten there that the task stands."""
        there = self._there.pop(key, None)
        if there is None or isinstance(there.note, TaskRecord | Damaged):
            self._transfers.finish()
            self._remote.forget(key)
