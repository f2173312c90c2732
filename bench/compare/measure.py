"""Runs a contestant in a process of its own: wall time from its start, peak memory of its process tree."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.02


@dataclass
class Run:
    """One run of one contestant."""

    contestant: str
    wall_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    """Resident memory of the tree, file pages included; pages shared by processes count in each."""
    peak_anonymous_mb: float
    """The part that no file backs."""
    figures: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The run as JSON has it."""
        return asdict(self)


def children(pid: int) -> list[int]:
    """The process and all its descendants."""
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                queue += [int(child) for child in path.read_text().split()]
            except OSError:
                continue
    return found


def memory_kb(pid: int) -> tuple[int, int]:
    """Resident and anonymous memory of one process; zero once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    numbers = {name: int(values.get(name, "0 kB").split()[0]) for name in ("VmRSS", "RssAnon", "RssShmem")}
    return numbers["VmRSS"], numbers["RssAnon"] + numbers["RssShmem"]


class Watch(threading.Thread):
    """Samples the memory of a process tree until told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.done = pid, threading.Event()
        self.rss = self.anonymous = 0

    def run(self) -> None:
        """Keeps the largest sums."""
        while not self.done.wait(SAMPLE_SECONDS):
            sums = [memory_kb(pid) for pid in children(self.pid)]
            self.rss = max(self.rss, sum(rss for rss, _ in sums))
            self.anonymous = max(self.anonymous, sum(anonymous for _, anonymous in sums))


def environment(extra: dict[str, str] | None) -> dict[str, str]:
    """What contestants run in: no model hub, no progress bars, and Python's compiled modules kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
    return {**kept, **quiet, **(extra or {})}


def run(contestant: str, command: list[str], log: Path, extra: dict[str, str] | None = None) -> Run:
    """Runs `command`; its last line of output, where it is JSON, holds its own figures.

    Raises
    ------
    RuntimeError
        When it fails; the message ends with the end of its log.
    """
    os.sync()  # what the contestant before left in the page cache is not this one's to write
    used = os.times()
    started = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment(extra))
        watch = Watch(process.pid)
        watch.start()
        output, _ = process.communicate()
    wall = time.perf_counter() - started
    watch.done.set()
    watch.join()
    after = os.times()
    if process.returncode:
        raise RuntimeError(
            f"{contestant} failed ({process.returncode}):\n{log.read_text(errors='replace')[-2_000:]}"
        )
    cpu = (after.children_user + after.children_system) - (used.children_user + used.children_system)
    return Run(contestant, wall, cpu, watch.rss / 1024, watch.anonymous / 1024, last_json(output))


def last_json(output: bytes) -> dict[str, Any]:
    """The object that the output is, or that its last line is; nothing when neither."""
    text = output.decode(errors="replace").strip()
    for candidate in (text, text.rpartition("\n")[2]):
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return {}
