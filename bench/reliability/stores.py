"""Cases over a store whose requests fail: kills, failing disks, flipped bits, from and to S3 on this machine.

The server is a process of its own (`tests.servers`); sources, output and, in every second case, the working
store are there. Ten of a hundred requests fail all the while.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from bench.reliability import forked, small
from bench.reliability.bytes_of import contents, difference, left_over
from bench.reliability.cases import FAULTS, KILLS_A_CASE, SOURCES, draw_of
from tests.servers.process import Served

if TYPE_CHECKING:
    import random
    from pathlib import Path

FAILING = {
    "rate": 0.1,
    "kinds": ["error_500", "error_503", "reset", "late_500", "late_reset", "short_body", "html"],
}
QUICK = {"attempts": 12, "timeout": 5.0}
OBJECTS = ("shard", "index.json", "octomed.json", "provenance", "rejects")
"""Kinds of objects of an output whose bits are flipped."""


class StoreBench:
    """A worker's folder and server: inputs in the store, and the run that nothing disturbed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        local = small.write_all(folder / "local", only=SOURCES)
        ended = forked.octomed("pack", local)
        assert ended.code == 0, ended.said
        self.expected = contents_of(folder / "local/out")
        self.server = Served("s3", folder)
        os.environ.update(self.server.environment)
        self.server.upload(folder / "local/data", "data")
        self.recipes = [self._recipe(name, local) for name in ("here", "there")]
        self.scratch = [folder / "here/store", folder / "there/scratch"]
        ended = forked.octomed("pack", self.recipes[0])
        assert ended.code == 0, ended.said
        self.seconds = ended.seconds
        self.wipe()

    def _recipe(self, name: str, local: Path) -> Path:
        """Write a recipe whose working store is local, or at the server."""
        recipe = json.loads(local.read_text(encoding="utf-8"))
        for source in recipe["sources"]:
            source["path"] = f"{self.server.root}/{source['path']}"
        recipe["output"]["path"] = f"{self.server.root}/run"
        recipe["stores"] = [{"prefix": self.server.root, **QUICK}]
        if name == "there":
            recipe["work"] = {"path": f"{self.server.root}/work", "scratch": "scratch"}
        small.write_model(self.folder / name / "model")
        path = self.folder / name / "recipe.yaml"
        path.write_text(json.dumps(recipe), encoding="utf-8")
        return path

    def draw(self, kind: str, number: int) -> random.Random:
        """The chances of a case."""
        return draw_of(self.seed, kind, number)

    def wipe(self) -> None:
        """Remove what runs wrote, and begin to fail."""
        self.server.set(rate=0.0)
        for name in self.server.names():
            if not name.startswith("data/"):
                self.server.delete(name)
        for folder in self.scratch:
            shutil.rmtree(folder, ignore_errors=True)
        self.server.set(**FAILING, seed=self.seed)

    def resumed(self, number: int) -> tuple[str, str]:
        """Run the same command to its end: what came of it, and what is wrong."""
        ended = forked.octomed("pack", self.recipes[number % 2])
        if ended.code != 0:
            return "WRONG: it does not go on", f"exit {ended.code}: {ended.said[-1500:]}"
        return self.compared(number)

    def compared(self, number: int) -> tuple[str, str]:
        """Compare what is at the store with the undisturbed run."""
        got = self.folder / "got"
        shutil.rmtree(got, ignore_errors=True)
        self.server.download("run", got)
        differing = _differing(got, self.expected)
        if differing:
            return "WRONG: other bytes", differing
        left = left_over(self.scratch[number % 2], got)
        return ("WRONG: temporary files stay", ", ".join(left[:5])) if left else ("same bytes", "")

    def half(self) -> str:
        """What says that a run is whole although it is not; nothing where all is well."""
        names = self.server.names("run/")
        return "octomed.json stands" if "run/octomed.json" in names else ""


def store_kill(bench: StoreBench, number: int) -> dict[str, Any]:
    """Kill a run from and to a store again and again; it must end with the same bytes."""
    draw, kills = bench.draw("store_kill", number), 0
    bench.wipe()
    recipe = bench.recipes[number % 2]
    for _ in range(12 * KILLS_A_CASE):
        ended = forked.octomed("pack", recipe, kill_after=draw.uniform(0, 2 * bench.seconds))
        if ended.code == 0:
            outcome, detail = bench.compared(number)
            if outcome != "same bytes":
                return {"kills": kills, "outcome": outcome, "detail": detail}
            bench.wipe()
        elif ended.code != -9:
            return {"kills": kills, "outcome": "WRONG: it does not go on", "detail": ended.said[-1500:]}
        kills += ended.code == -9
        if kills == KILLS_A_CASE:
            break
    outcome, detail = bench.resumed(number)
    return {"kills": kills, "outcome": outcome, "detail": detail}


def store_fault(bench: StoreBench, number: int) -> dict[str, Any]:
    """Let the local disk fail below the scratch folder: staging, mirrors, blocks; then the run goes on."""
    draw = bench.draw("store_fault", number)
    call, error = FAULTS[number % len(FAULTS)]
    nth, lasting = draw.randint(1, 40), error != 0 and draw.random() < 0.5
    bench.wipe()
    where = bench.scratch[number % 2]
    where.mkdir(parents=True)
    first = forked.fail(where, call, error, nth, lasting=lasting)
    ended = forked.octomed("pack", bench.recipes[number % 2], first=first)
    case = {"call": call, "error": error, "nth": nth, "lasting": lasting, "code": ended.code}
    if ended.code == 0:
        outcome, detail = bench.compared(number)
        return {**case, "outcome": outcome, "detail": detail}
    if ended.code != 4:
        return {**case, "outcome": f"WRONG: exit {ended.code}", "detail": ended.said[-1500:]}
    if where.name not in ended.said and bench.server.root not in ended.said:
        return {**case, "outcome": "WRONG: no file is named", "detail": ended.said[-1500:]}
    outcome, detail = bench.resumed(number)
    return {**case, "outcome": outcome, "detail": detail}


def store_flip(bench: StoreBench, number: int) -> dict[str, Any]:
    """Flip a bit in an object of a finished run: `verify` of the address finds and names it."""
    draw = bench.draw("store_flip", number)
    if bench.half() == "":
        bench.server.set(rate=0.0)
        ended = forked.octomed("pack", bench.recipes[0])
        assert ended.code == 0, ended.said
    kind = OBJECTS[number % len(OBJECTS)]
    name = draw.choice([one for one in bench.server.names("run/") if kind in one])
    whole = bench.server.get(name)
    data = bytearray(whole)
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    bench.server.put(name, bytes(data))
    ended = forked.octomed("verify", f"{bench.server.root}/run")
    bench.server.put(name, whole)
    case = {"object": kind, "code": ended.code}
    if ended.code in {3, 4} and name.rpartition("/")[2] in ended.said:
        return {**case, "outcome": "found and named", "detail": ""}
    return {**case, "outcome": f"WRONG: exit {ended.code}", "detail": ended.said[-1500:]}


def contents_of(folder: Path) -> dict[str, str]:
    """Digests of a run's files, and the text of what `octomed.json` says wherever the run lies."""
    said = json.loads((folder / "octomed.json").read_text(encoding="utf-8"))
    for name in ("run", "inputs"):
        said.pop(name, None)
    recipe = said["recipe"]
    for part in (recipe["output"], *recipe["sources"]):
        part.pop("path")
    for name in ("work", "stores"):
        recipe.pop(name, None)
    return contents(folder) | {"octomed.json": json.dumps(said, sort_keys=True)}


def _differing(folder: Path, expected: dict[str, str]) -> str:
    if not (folder / "octomed.json").exists():
        return difference(folder, expected)
    found = contents_of(folder)
    return ", ".join(name for name in sorted(found | expected) if found.get(name) != expected.get(name))
