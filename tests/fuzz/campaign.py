"""Runs the cases of a surface in a child, and notes what crashes, hangs, ends in exit 70 or takes too much memory."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import octomed
from tests.fuzz.surfaces import TOP

HANG_SECONDS = 60.0
PEAK_BYTES = 4 << 30
CASES_A_CHILD = 400
"""A child is replaced now and then, so that its memory is that of a few cases."""


@dataclass
class Outcome:
    """What came of a surface's cases."""

    surface: str
    seed: int
    cases: int = 0
    seconds: float = 0.0
    peak_mb: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)


class Child:
    """A process that runs cases, and its reports."""

    def __init__(self, surface: str, seed: int, first: int, count: int, folder: Path) -> None:
        reading, writing = os.pipe()
        words = [surface, str(seed), str(first), str(count), str(folder), str(writing)]
        places = [str(TOP), str(Path(octomed.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.child", *words],
            pass_fds=[writing],
            cwd=TOP,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
            stdin=subprocess.DEVNULL,
        )
        os.close(writing)
        self.reading = reading
        self.rest = b""

    def line(self, until: float) -> str | None:
        """The next report; none when the child ended, grew too large or took too long, and then it is dead."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.reading, selectors.EVENT_READ)
            while b"\n" not in self.rest:
                if selector.select(0.2):
                    more = os.read(self.reading, 1 << 16)
                    if not more:
                        self.process.wait()
                        return None
                    self.rest += more
                elif time.monotonic() > until or self.resident() > PEAK_BYTES:
                    self.end()
                    return None
        first, self.rest = self.rest.split(b"\n", 1)
        return first.decode()

    def resident(self) -> int:
        """Bytes of memory that the child holds."""
        try:
            return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0

    def end(self) -> None:
        self.large = self.resident() > PEAK_BYTES
        self.process.kill()
        self.process.wait()

    large = False


def fuzz(surface: str, *, seed: int, seconds: float = 1e9, cases: int = 1 << 30, first: int = 0) -> Outcome:
    """Run so many cases of a surface, or for so long."""
    outcome, begin = Outcome(surface, seed), time.monotonic()
    memory = Path("/dev/shm")  # noqa: S108 a disk in memory, where the system has one
    folder = Path(tempfile.mkdtemp(prefix="octomed-fuzz-", dir=memory if memory.is_dir() else None))
    try:
        while outcome.cases < cases and time.monotonic() - begin < seconds:
            count = min(CASES_A_CHILD, cases - outcome.cases)
            child = Child(surface, seed, first + outcome.cases, count, folder)
            _follow(child, outcome, begin + seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.seconds = round(time.monotonic() - begin, 1)
    return outcome


def _follow(child: Child, outcome: Outcome, until: float) -> None:
    """Read the reports of a child until it ends, or the time is over."""
    try:
        while True:
            number = child.line(time.monotonic() + HANG_SECONDS)
            if number is None:
                if child.process.returncode:  # before a case began
                    raise RuntimeError(f"the child of `{outcome.surface}` ended with {child.process.returncode}")
                return
            result = child.line(time.monotonic() + HANG_SECONDS)
            outcome.cases += 1
            if result is None:
                _note(outcome, int(number), {"fault": _death(child)})
                return
            _take(outcome, int(number), json.loads(result))
            if time.monotonic() > until:
                return
    finally:
        if child.process.poll() is None:
            child.process.kill()
            child.process.wait()
        os.close(child.reading)


def _death(child: Child) -> str:
    if child.large:
        return f"more than {PEAK_BYTES >> 20} MB"
    code = child.process.returncode
    return f"no end in {HANG_SECONDS:.0f} s" if code == -9 else f"the process died: {code}"


def _take(outcome: Outcome, number: int, result: dict[str, Any]) -> None:
    code = str(result["code"])
    outcome.codes[code] = outcome.codes.get(code, 0) + 1
    outcome.peak_mb = max(outcome.peak_mb, result["peak_kb"] >> 10)
    if result["fault"]:
        _note(outcome, number, result)


def _note(outcome: Outcome, number: int, result: dict[str, Any]) -> None:
    again = f"python -m tests.fuzz --surface {outcome.surface} --seed {outcome.seed} --case {number}"
    outcome.findings.append({"case": number, "again": again, **result})
