"""The file of samples: one line each, which counts once it is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.errors import StorageError
from octomed.names import shown
from octomed.storage import FILE_MODES, storage_error, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from octomed.storage import Mode

SAMPLES = "samples.jsonl"
"""What is sampled, a line each: a source that `octomed pack` reads as it is."""

_GROUP_SECONDS = 0.05
"""Lines of this time reach the disk together."""


@dataclass
class Had:
    """What a file of samples holds already.

    Attributes
    ----------
    samples
        By key, a bit for each sample that is there.
    lines
        How many there are.
    asked, answered
        Tokens that their requests and replies took.
    cut
        Bytes of an unfinished last line, which were cut off.
    """

    samples: dict[str, int] = field(default_factory=dict)
    lines: int = 0
    asked: int = 0
    answered: int = 0
    cut: int = 0

    def has(self, key: str, sample: int) -> bool:
        """Tell whether a sample is there."""
        return bool(self.samples.get(key, 0) >> sample & 1)

    def count(self, key: str, most: int) -> int:
        """Return how many of the first samples of a question are there."""
        return sum(self.has(key, number) for number in range(most))

    def add(self, entry: dict[str, Any]) -> None:
        """Count a line."""
        key = entry["key"]
        self.samples[key] = self.samples.get(key, 0) | 1 << entry["sample"]
        self.lines += 1
        usage = entry.get("usage") or {}
        self.asked += usage.get("asked", 0)
        self.answered += usage.get("answered", 0)


def entries_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a file of samples; an unfinished last one is none.

    Raises
    ------
    StorageError
        When another line is damaged.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.endswith(b"\n"):
                    yield entry_of(path, number, line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error("read", path, error) from error


def entry_of(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Return a line of a file of samples.

    Raises
    ------
    StorageError
        When it is damaged.
    """
    try:
        entry = json.loads(line)
        key, sample = entry["key"], entry["sample"]
        if isinstance(key, str) and type(sample) is int and 0 <= sample < 1 << 20 and line.endswith(b"\n"):
            return dict(entry)
        fault = "its `key` or `sample` is none"
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        fault = f"{type(error).__name__}: {error}"
    raise StorageError(
        f"line {number} of `{shown(str(path))}` is damaged: {fault}",
        "put a sound copy back, or take the line out: its sample is asked again then",
    )


class SampleFile:
    """Appends lines; those of a short time reach the disk together.

    Parameters
    ----------
    path
        The file.
    mode
        Who may read it.
    """

    def __init__(self, path: Path, mode: Mode) -> None:
        self._path = path
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        bits = FILE_MODES[mode]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o666 if bits is None else bits)
            self._size = os.fstat(self._descriptor).st_size
            sync_folder(path.parent)
        except OSError as error:
            raise storage_error("write", path, error) from error

    def cut_unfinished(self) -> int:
        """Cut off what follows the last line, left by a kill or a power cut; return its bytes."""
        end = _end_of_lines(self._path, self._size)
        cut = self._size - end
        if cut:
            try:
                os.ftruncate(self._descriptor, end)
                os.fsync(self._descriptor)
            except OSError as error:
                raise storage_error("write", self._path, error) from error
            self._size = end
        return cut

    async def add(self, lines: list[dict[str, Any]]) -> None:
        """Append lines, and return once they are on the disk.

        Raises
        ------
        StorageError
            When they cannot be written: none of them is there then.
        """
        text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((text.encode("utf-8", "surrogatepass"), written))
        if self._task is None:
            self._task = asyncio.create_task(self._write_groups())
        self._wake.set()
        await written

    async def close(self) -> None:
        """Write what waits, and close the file."""
        waiting = [written for _, written in self._waiting if not written.done()]
        if waiting and self._task is not None and not self._task.done():
            await asyncio.wait(waiting)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        os.close(self._descriptor)

    async def _write_groups(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            await asyncio.sleep(_GROUP_SECONDS)
            group, self._waiting = self._waiting, []
            self._wake.clear()
            data = b"".join(line for line, _ in group)
            # Once it has begun it ends, also where the run is stopped meanwhile: what it writes is counted.
            writing = loop.run_in_executor(None, self._write, data)
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])
                raise
            except StorageError as error:
                for _, written in group:
                    if not written.done():
                        written.set_exception(error)
                continue
            for _, written in group:
                if not written.done():
                    written.set_result(None)

    def _write(self, data: bytes) -> None:
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fdatasync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise storage_error("write", self._path, error) from error
        self._size += len(data)


def _end_of_lines(path: Path, size: int) -> int:
    """Return where the last whole line of a file ends."""
    step = 1 << 16
    with path.open("rb") as file:
        end = size
        while end > 0:
            begin = max(0, end - step)
            file.seek(begin)
            place = file.read(end - begin).rfind(b"\n")
            if place >= 0:
                return begin + place + 1
            end = begin
    return 0
