"""Runs cases in a child, and notes what crashes, hangs, ends in exit 70 or takes too much memory."""

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

from tests.fuzz.surfaces import TOP, corpus

HANG_SECONDS = 60.0
BEGIN_SECONDS = 600.0
"""Until the first case: a child loads all libraries and packs what its cases begin from."""
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
        self.reading, self.rest = reading, b""
        self.large = False

    def line(self, until: float) -> str | None:
        """The next report; none when the child ended, or grew too large or took too long and was killed."""
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
            return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        except (OSError, IndexError):
            return 0

    def end(self) -> None:
        """Kill it."""
        self.large = self.resident() > PEAK_BYTES
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Kill it if it lives, and let go what belongs to it."""
        if self.process.poll() is None:
            self.end()
        os.close(self.reading)


def fuzz(  # noqa: PLR0913 keyword-only settings
    surface: str,
    *,
    seed: int,
    seconds: float = 1e9,
    cases: int = 1 << 30,
    first: int | None = None,
    keep: Path | None = None,
) -> Outcome:
    """Run the corpus of a surface, or of several with commas between, and then so many cases, or for so long.

    Damaged files that find a fault are copied to ``keep``.
    """
    outcome, begin = Outcome(surface, seed), time.monotonic()
    number = -len(corpus(surface.split(","))) if first is None else first
    last = max(number, 0) + cases
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="octomed-fuzz-", dir=memory if memory.is_dir() else None))
    try:
        while number < last and time.monotonic() - begin < seconds:
            child = Child(surface, seed, number, min(CASES_A_CHILD, last - number), folder)
            follow = Following(child, outcome, folder / "case", keep)
            number = follow.until(begin + seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.seconds = round(time.monotonic() - begin, 1)
    return outcome


@dataclass
class Following:
    """Reads the reports of a child."""

    child: Child
    outcome: Outcome
    case: Path
    keep: Path | None

    def until(self, end: float) -> int:
        """Read until the child ends, or the time is over; returns the number of the next case."""
        number, patience = -(1 << 30), BEGIN_SECONDS
        try:
            while begun := self.child.line(time.monotonic() + patience):
                about, patience = json.loads(begun), HANG_SECONDS
                number = about["case"] + 1
                said = self.child.line(time.monotonic() + HANG_SECONDS)
                self.outcome.cases += 1
                self._take(about, json.loads(said) if said else {"fault": self._death(), "code": None})
                if said is None or time.monotonic() > end:
                    break
        finally:
            self.child.close()
        if number == -(1 << 30):
            raise RuntimeError(f"the child of `{self.outcome.surface}` ended before its first case")
        return number

    def _death(self) -> str:
        if self.child.large:
            return f"more than {PEAK_BYTES >> 20} MB"
        code = self.child.process.returncode
        return f"no end in {HANG_SECONDS:.0f} s" if code == -9 else f"the process died: {code}"

    def _take(self, about: dict[str, Any], result: dict[str, Any]) -> None:
        outcome, code = self.outcome, str(result["code"])
        outcome.codes[code] = outcome.codes.get(code, 0) + 1
        outcome.peak_mb = max(outcome.peak_mb, result.get("peak_kb", 0) >> 10)
        if not result["fault"]:
            return
        finding = about | result
        finding["command"] = " ".join(about["command"]).replace(str(self.case), "CASE")
        finding["again"] = (
            f"python -m tests.fuzz --surface {outcome.surface} --seed {outcome.seed} --case {about['case']}"
        )
        if self.keep is not None and about["case"] >= 0:
            name = f"{about['surface']}-{outcome.seed}-{about['case']}-{about['file'].replace('/', '+')}"
            self.keep.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.case / about["file"], self.keep / name)
            finding["kept"] = name
        outcome.findings.append(finding)
