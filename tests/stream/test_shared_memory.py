"""Shared memory of killed processes goes, that of living ones stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest
from octomed.stream import PackedDataset, shared_memory
from streaming.base.shared import SharedMemory

from .ranks import results, start
from .reading import loader, packs_of

pytestmark = pytest.mark.alone  # it counts segments that any process may have made

SEGMENTS = Path("/dev/shm")


def files_of(number: int) -> set[str]:
    return {path.name for path in SEGMENTS.glob(f"{number:06}_*")}


def _wait_for(path: Path) -> str:
    for _ in range(2000):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{path.name} does not come")


def _read_and_wait(path: Path, told: Path, go: Path, workers: int) -> int:
    """Read a batch, tell the segments' number and the workers, wait for the word, and read the rest."""
    batches = loader(path, 4, workers)
    iterator = iter(batches)
    packs = len(packs_of(next(iterator)))
    children = [str(child.pid) for child in multiprocessing.active_children()]
    part = told.with_suffix(".part")
    tracker = str(resource_tracker._resource_tracker._pid)  # it would clean up after us
    number = str(batches.dataset._shm_prefix_int)
    part.write_text(" ".join([number, tracker, str(os.getpid()), *children]))
    part.rename(told)
    _wait_for(go)
    return packs + sum(len(packs_of(batch)) for batch in iterator)


def _begin(packed: Path, folder: Path, name: str, workers: int, go: Path) -> tuple[Any, int, list[int]]:
    """A process that reads: itself, the number of its segments, and whom to kill."""
    started = start(1, _read_and_wait, packed, folder / name, go, workers)
    number, *processes = map(int, _wait_for(folder / name).split())
    return started, number, processes


def _kill(started: Any, processes: list[int]) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)
    started[0][0].join()
    for process in processes:
        while not _has_ended(process):
            time.sleep(0.01)


def _has_ended(process: int) -> bool:
    """Gone or a zombie: before that a killed process has no memory any more, but still its locks."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


@pytest.mark.parametrize("workers", [0, 2])
def test_the_next_start_removes_what_kill_9_left_and_leaves_living_runs_alone(packed, tmp_path, workers):
    go = tmp_path / "go"
    dead, dead_number, processes = _begin(packed, tmp_path, "dead", workers, go)
    living, living_number, _ = _begin(packed, tmp_path, "living", workers, go)
    assert len(processes) == 2 + workers
    kept = files_of(living_number)
    _kill(dead, processes)
    assert len(files_of(dead_number)) >= 6
    third = PackedDataset(packed, batch_size=1, quiet=True)
    # Others who begin to read look into the segments that they find, and while they do these are in use.
    for _ in range(500):
        left = files_of(dead_number) if dead_number != third._shm_prefix_int else set()
        if not left:
            break
        time.sleep(0.01)
        shared_memory.remove_stale()
    assert left == set()
    assert files_of(living_number) == kept
    go.write_text("go")
    assert results(living) == [third.counts.slots]


def test_a_lock_tells_of_processes_that_cannot_be_seen(packed, tmp_path, monkeypatch):
    """As in a container that shares the memory and hides its processes."""
    go = tmp_path / "go"
    living, number, _ = _begin(packed, tmp_path, "living", 0, go)
    kept = files_of(number)
    monkeypatch.setattr(shared_memory, "_mapped", set)
    monkeypatch.setattr(shared_memory, "_sees_every_process", lambda: False)
    shared_memory.remove_stale()
    assert files_of(number) == kept
    go.write_text("go")
    assert results(living)


@pytest.mark.parametrize("sees_every_process", [True, False])
def test_segments_of_other_programs_go_only_where_every_process_is_seen(monkeypatch, sees_every_process):
    number = 991_000 + os.getpid() % 1000
    segment = SharedMemory(name=f"{number:06}_locals", create=True, size=8)
    assert shared_memory.remove_stale() == []
    segment.shm.close()
    monkeypatch.setattr(shared_memory, "_sees_every_process", lambda: sees_every_process)
    removed = shared_memory.remove_stale()
    assert removed == ([f"{number:06}_locals"] if sees_every_process else [])
    (SEGMENTS / f"{number:06}_locals").unlink(missing_ok=True)


def test_files_of_other_users_stay(monkeypatch):
    number = 991_000 + os.getpid() % 1000
    segment = SEGMENTS / f"{number:06}_locals"
    segment.touch()
    me = os.geteuid()
    monkeypatch.setattr(shared_memory, "_sees_every_process", lambda: True)
    monkeypatch.setattr(shared_memory.os, "geteuid", lambda: me + 1)
    assert shared_memory.remove_stale() == []
    monkeypatch.setattr(shared_memory.os, "geteuid", lambda: me)
    assert shared_memory.remove_stale() == [segment.name]


def test_lock_files_without_segments_go_too(tmp_path, monkeypatch):
    """Nobody can use them, so it does not matter whose processes are seen."""
    monkeypatch.setattr(shared_memory.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(shared_memory, "_sees_every_process", lambda: False)
    number = 991_000 + os.getpid() % 1000
    names = {f"{number:06}_{name}" for name in ("barrier_filelock", "cache_filelock")}
    for name in (*names, f"{number:06}_notes"):
        (tmp_path / name).touch()
    assert set(shared_memory.remove_stale()) == names
    assert [path.name for path in tmp_path.iterdir()] == [f"{number:06}_notes"]


def test_a_process_that_ends_well_takes_its_mark_away():
    number = 991_000 + os.getpid() % 1000
    code = (
        "from pathlib import Path\nfrom octomed.stream import shared_memory\n"
        f"shared_memory.hold({number})\nassert list(Path('/dev/shm').glob('{number:06}_*'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert files_of(number) == set()


def test_other_files_stay():
    other = SEGMENTS / f"octomed-test-{os.getpid()}"
    other.write_text("x")
    try:
        shared_memory.remove_stale()
        assert other.exists()
    finally:
        other.unlink()
