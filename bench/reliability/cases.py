"""The cases of the campaign: kills, failing disks, power cuts. Flipped bits are in `flips`."""

from __future__ import annotations

import errno
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.reliability import forked, small
from bench.reliability.bytes_of import contents, difference, left_over
from bench.reliability.power import Disk, cut_power

KILLS_A_CASE = 4
GOOD = (
    "same bytes",
    "found and named",
    "made again, same bytes",
    "harmless",
    "reads as other rows, all counted",
    "unseen, as its writer left out the checksum",
)
SOURCES = ("lines", "array", "csv", "parquet", "gzip")
FAULTS: list[tuple[str, int]] = [
    ("write", errno.ENOSPC),
    ("write", errno.EIO),
    ("write", errno.EDQUOT),
    ("write", 0),
    ("create", errno.EROFS),
    ("open", errno.EMFILE),
    ("open", errno.EIO),
    ("fsync", errno.EIO),
    ("rename", errno.EIO),
    ("mkdir", errno.ENOSPC),
    ("truncate", errno.ENOSPC),
]


@dataclass
class Bench:
    """A worker's folder: inputs, the run that nothing disturbed, and a seed."""

    folder: Path
    seed: int

    def __post_init__(self) -> None:
        self.recipe = small.write_all(self.folder, only=SOURCES)
        self.out, self.store = self.folder / "out", self.folder / "store"
        forked.octomed("pack", self.recipe)  # warms up
        self.wipe()
        ended = forked.octomed("pack", self.recipe)
        assert ended.code == 0, ended.said
        self.seconds = ended.seconds
        self.expected = contents(self.out)

    def draw(self, kind: str, number: int) -> random.Random:
        """The chances of a case."""
        return draw_of(self.seed, kind, number)

    def wipe(self) -> None:
        """Remove what runs wrote."""
        for folder in (self.out, self.store):
            shutil.rmtree(folder, ignore_errors=True)

    def resumed(self) -> tuple[str, str]:
        """Run the same command to its end: what came of it, and what is wrong."""
        ended = forked.octomed("pack", self.recipe)
        if ended.code != 0:
            return "WRONG: it does not go on", f"exit {ended.code}: {ended.said[-1500:]}"
        differing = difference(self.out, self.expected)
        if differing:
            return "WRONG: other bytes", differing
        verified = forked.octomed("verify", self.out)
        if verified.code != 0:
            return "WRONG: it does not verify", verified.said[-1500:]
        left = left_over(self.out, self.store)
        return ("WRONG: temporary files stay", ", ".join(left[:5])) if left else ("same bytes", "")


def draw_of(seed: int, kind: str, number: int) -> random.Random:
    """The chances of a case."""
    return random.Random(f"{seed}/{kind}/{number}")


def kill(bench: Bench, number: int) -> dict[str, Any]:
    """Kill a run again and again at random moments, resuming it; it must end with the same bytes."""
    draw, kills = bench.draw("kill", number), 0
    bench.wipe()
    tries = 0
    while kills < KILLS_A_CASE and tries < 12 * KILLS_A_CASE:
        tries += 1
        ended = forked.octomed("pack", bench.recipe, kill_after=draw.uniform(0, bench.seconds))
        kills += ended.code == -9
        if ended.code not in {-9, 0}:
            return {"kills": kills, "outcome": "WRONG: it does not go on", "detail": ended.said[-1500:]}
        if ended.code == 0:
            differing = difference(bench.out, bench.expected)
            if differing:
                return {"kills": kills, "outcome": "WRONG: other bytes", "detail": differing}
            bench.wipe()
    outcome, detail = bench.resumed()
    return {"kills": kills, "outcome": outcome, "detail": detail}


def fault(bench: Bench, number: int) -> dict[str, Any]:
    """Let a call fail, or it and all later ones; the run says which file, and resumed has the same bytes."""
    draw = bench.draw("fault", number)
    call, error = FAULTS[number % len(FAULTS)]
    nth = draw.randint(1, 6 if draw.random() < 0.4 else 30)
    lasting = error != 0 and draw.random() < 0.5
    case = {"call": call, "error": errno.errorcode.get(error, "short write"), "nth": nth, "lasting": lasting}
    bench.wipe()
    # A folder each: what is read, model and inputs, does not fail.
    for folder in (bench.out, bench.store):
        folder.mkdir()
    where = bench.out if draw.random() < 0.5 else bench.store
    first = forked.fail(where, call, error, nth, lasting=lasting)
    ended = forked.octomed("pack", bench.recipe, first=first)
    outcome, detail = _judged(bench, ended, where)
    if not outcome:
        outcome, detail = bench.resumed()
    return {**case, "folder": where.name, "code": ended.code, "outcome": outcome, "detail": detail}


def _judged(bench: Bench, ended: forked.Ended, where: Path) -> tuple[str, str]:
    """What is wrong with how a run on a failing disk ended; nothing where it may go on."""
    if ended.code == 0:
        differing = difference(bench.out, bench.expected)
        return ("WRONG: exit 0 with other bytes", differing) if differing else ("", "")
    if ended.code != 4:
        return f"WRONG: exit {ended.code}", ended.said[-1500:]
    named = str(where) in ended.said or where.name + "/" in ended.said
    return ("", "") if named else ("WRONG: no file is named", ended.said[-1500:])


def power(bench: Bench, number: int) -> dict[str, Any]:
    """Cut the power during a run or right behind it: the same command goes on, to the same bytes."""
    draw = bench.draw("power", number)
    bench.wipe()
    attic, journal = bench.folder / "attic", bench.folder / "journal"
    shutil.rmtree(attic, ignore_errors=True)
    attic.mkdir()
    journal.unlink(missing_ok=True)
    after = None if number % 2 else bench.seconds * draw.uniform(0.2, 1.2)
    first = forked.journal(bench.folder, journal, attic)
    ended = forked.octomed("pack", bench.recipe, first=first, kill_after=after)
    disk = Disk()
    if journal.exists():
        disk.read(journal)
    lost = cut_power(disk, draw)
    case = {"during": ended.code == -9, **lost}
    if ended.code == 0 and (lost["names undone"] or lost["files cut or zeroed"]):
        verified = forked.octomed("verify", bench.out)
        if verified.code != 0:
            return {**case, "outcome": "WRONG: lost after exit 0", "detail": verified.said[-1500:]}
    outcome, detail = bench.resumed()
    return {**case, "outcome": outcome, "detail": detail}
