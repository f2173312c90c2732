"""Uploads of a run: its finished files go to stores in the background, while it goes on packing."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from octomed import _octomed
from octomed.aside import aside
from octomed.errors import CancelledRun, StorageError
from octomed.names import shown
from octomed.pipeline.output.manifest_file import NAME
from octomed.pipeline.output.target_files import make_way, refuse_lost, refuse_missing, remove_file
from octomed.run_file import Uploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from octomed.pipeline.output.targets import Target
    from octomed.pipeline.threads.executor import Threads
    from octomed.report.progress import Progress

MOST_WAITING = 8
"""Finished files that wait for an upload or are under way at most."""

MOST_WAITING_BYTES = 2**30
"""Their bytes at most; beyond that writing waits, so that a slow store slows the run and fills no disk."""

_THREADS = 4
_POLL_SECONDS = 0.1
_LEAST_SECONDS_BETWEEN_NOTES = 5.0
_NOTES_SHARE = 50
"""A note in a store waits so many times as long as the last one took; a kill and a lost disk cost the shards
since the last, which are uploaded again."""


class Source(Protocol):
    """Where files are brought from that lie in no local folder."""

    def fetch(self, name: str, path: Path) -> None:
        """Bring a file to a path."""


def nothing() -> None:
    """Do nothing once a file is uploaded."""


@dataclass(frozen=True)
class _Waiting:
    """A file to upload, as `Uploads.put` takes it."""

    name: str
    size: int
    noted: Callable[[], None]
    digest: str | None


class Uploads:
    """Puts the files of a local folder to targets, bounded and in the background.

    Parameters
    ----------
    folder
        Where the files are written.
    targets
        Where they go.
    keeps
        Whether the folder is an output itself: its files stay, it is no disk to run full, and a target that
        fails ends nothing.
    source
        Where files come from that are not in the folder.
    write_manifest
        Writes the manifest of this moment into the folder.
    """

    def __init__(
        self,
        folder: Path,
        targets: Sequence[Target],
        *,
        keeps: bool,
        source: Source | None = None,
        write_manifest: Callable[[], None] = nothing,
    ) -> None:
        self.folder = folder
        self.targets = tuple(targets)
        self.keeps = keeps
        self._source = source
        self._write_manifest = write_manifest
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._open: dict[str, int] = {}
        self._done: set[str] = set()
        self._failure: BaseException | None = None
        self._closed = False
        self._threads: Threads | None = None
        self._progress: Progress | None = None
        self._counts_down = False
        self._files = self._bytes = self._skipped = 0
        self._waited = 0.0
        self._noting = threading.Lock()
        self._next_note = 0.0

    @property
    def live(self) -> list[Target]:
        """Targets that have not failed."""
        return [target for target in self.targets if target.failed is None]

    @property
    def counts(self) -> Uploaded:
        """What was done so far."""
        return Uploaded(
            targets=tuple(target.location for target in self.targets),
            files=self._files,
            bytes=self._bytes,
            skipped=self._skipped,
            waited=round(self._waited, 3),
        )

    def start(self, threads: Threads, progress: Progress) -> None:
        """Begin to upload, on threads of a run; what one that ended early had queued is not uploaded."""
        self._threads, self._closed, self._failure = threads, False, None
        self._progress, self._counts_down = progress, False
        self._queue.clear()
        self._open.clear()
        threads.submit_readers(_THREADS, [self._work] * _THREADS)

    def put(
        self, name: str, size: int, noted: Callable[[], None] = nothing, digest: str | None = None
    ) -> None:
        """Queue a file, once; wait while as many as may be are under way.

        Parameters
        ----------
        name, size
            Below the output, in bytes.
        noted
            Called when it is wherever it has to be.
        digest
            Of its content, where that is compared first: of a file that this run did not just write.

        Raises
        ------
        StorageError
            When an earlier one failed.
        CancelledRun
            When the run ends.
        """
        begin = time.monotonic()
        with self._changed:
            if name in self._open or name in self._done:
                return
            while not self.keeps and self._is_full(size):
                self._check()
                self._changed.wait(_POLL_SECONDS)
            self._check()
            self._open[name] = size
            self._queue.append(_Waiting(name, size, noted, digest))
            self._waited += time.monotonic() - begin
            self._changed.notify_all()

    def _is_full(self, size: int) -> bool:
        """Tell whether a file of so many bytes has to wait; one that is larger than all may be goes alone."""
        held = sum(self._open.values())
        return len(self._open) >= MOST_WAITING or (held > 0 and held + size > MOST_WAITING_BYTES)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._check_cancel()

    def _work(self) -> None:
        """Upload what is queued until there is no more, or the run ends."""
        while (item := self._next()) is not None:
            failure: BaseException | None = None
            try:
                self._upload(item)
            except BaseException as error:  # noqa: BLE001 raised where the next file is put
                failure = error
            with self._changed:
                self._open.pop(item.name, None)
                if failure is None:
                    self._done.add(item.name)
                elif not isinstance(failure, CancelledRun):
                    self._failure = self._failure or failure
                self._changed.notify_all()

    def _next(self) -> _Waiting | None:
        with self._changed:
            while not self._queue:
                if self._is_over():
                    return None
                self._changed.wait(_POLL_SECONDS)
            return None if self._is_over() and not self._closed else self._queue.popleft()

    def _is_over(self) -> bool:
        cancelled = self._threads is not None and self._threads.cancel.is_set()
        return self._closed or cancelled or self._failure is not None

    def _upload(self, item: _Waiting) -> None:
        path = self.folder / item.name
        wanting = [target for target in self.live if target.sizes.get(item.name) != item.size]
        if wanting:
            self._bring(item, path)
        for target in wanting:
            self._put(target, item, path)
        with self._changed:
            self._skipped += not wanting
        item.noted()
        if not self.keeps:
            remove_file(path)
        if self._progress is not None and self._counts_down:
            self._progress.advance(rows=1, bytes=item.size, tokens=0, rejects=0)
        self._note()

    def _bring(self, item: _Waiting, path: Path) -> None:
        """Have a file in the folder, and see that it is what it was."""
        if self._source is not None:
            self._source.fetch(item.name, path)
        if item.digest is not None and _octomed.file_digest(str(path)) != (item.size, item.digest):
            message = f"`{shown(item.name)}` is damaged: its content is not what the manifest says"
            raise StorageError(message, "`octomed verify` of the run that it is copied from says more")

    def _put(self, target: Target, item: _Waiting, path: Path) -> None:
        self._check_cancel()
        with self._failing(target):
            refuse_lost(target)
            target.store.put_file(item.name, path)
            with self._changed:
                target.sizes[item.name] = item.size
                self._files += 1
                self._bytes += item.size

    def _failing(self, target: Target) -> _Failing:
        return _Failing(self, target)

    def give_up(self, target: Target, error: StorageError) -> bool:
        """Put nothing more to a target that failed; return whether the run goes on without it."""
        with self._changed:
            target.failed = target.failed or error
            goes_on = self.keeps or bool(self.live)
        if goes_on and self._progress is not None:
            self._progress.message(f"nothing more is put to {shown(target.location)}: {error.message}")
        return goes_on

    def _note(self) -> None:
        """Put the manifest as it is now to the targets, when it is time."""
        if self.keeps or time.monotonic() < self._next_note or not self._noting.acquire(blocking=False):
            return
        try:
            self._put_manifest()
        finally:
            self._noting.release()

    def _put_manifest(self) -> None:
        begin = time.monotonic()
        self._write_manifest()
        for target in self.live:
            with self._failing(target):
                refuse_lost(target)
                target.store.put(NAME, (self.folder / NAME).read_bytes())
        end = time.monotonic()
        self._next_note = end + max(_LEAST_SECONDS_BETWEEN_NOTES, _NOTES_SHARE * (end - begin))

    def begin(self, records: Mapping[str, int], *, writes: bool) -> None:
        """Make way at each target, as `make_way` does with these arguments, and say whose run this is."""
        aside(lambda: self._begin(records, writes=writes))

    def _begin(self, records: Mapping[str, int], *, writes: bool) -> None:
        for target in self.live:
            with self._failing(target):
                make_way(target, records, writes=writes)
        self._put_manifest()

    def settle(self, progress: Progress) -> None:
        """Wait until all that was queued is uploaded; a stage of its own on the display.

        Raises
        ------
        StorageError
            When a file could not be uploaded.
        """
        with self._changed:
            left = sum(self._open.values())
        progress.stage("upload", left or None, None)
        self._counts_down = True
        with self._changed:
            while self._open:
                self._check()
                self._changed.wait(_POLL_SECONDS)
            self._check()
            self._closed = True
            self._changed.notify_all()

    def publish(self, records: Mapping[str, int], last: Iterable[str]) -> None:
        """Put the files that say a run is whole, once all that they name stands.

        Parameters
        ----------
        records
            Sizes of all files of the run, by name.
        last
            Names of the files to put now, in this order: `octomed.json` after all others.

        Raises
        ------
        StorageError
            When a target lacks a file, or refuses one.
        """
        names = list(last)
        aside(lambda: self._publish(records, names))
        failed = [target for target in self.targets if target.failed is not None]
        if failed:
            raise self._incomplete(failed[0])

    def _publish(self, records: Mapping[str, int], names: Sequence[str]) -> None:
        for target in self.live:
            with self._failing(target):
                refuse_missing(target, {name: size for name, size in records.items() if name not in names})
                for name in names:
                    self._check_cancel()
                    target.store.put_file(name, self.folder / name)

    def _check_cancel(self) -> None:
        if self._threads is not None:
            self._threads.check()

    def _incomplete(self, target: Target) -> StorageError:
        """Return the error for a target that the run went on without."""
        whole = [str(self.folder)] if self.keeps else [one.location for one in self.live]
        reason = target.failed.message if target.failed is not None else ""
        return StorageError(
            f"the run is whole in `{shown(whole[0])}`, and not in `{shown(target.location)}`: {reason}",
            "once that is mended, the same command completes it with the files that are there",
        )


class _Failing:
    """A block that puts to a target: when it fails, the run goes on with the others, if there are any."""

    def __init__(self, uploads: Uploads, target: Target) -> None:
        self._uploads, self._target = uploads, target

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        """Keep the error of a target that the run can do without."""
        return isinstance(error, StorageError) and self._uploads.give_up(self._target, error)
