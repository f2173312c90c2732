"""The process that runs the cases of surfaces: it may crash, hang or grow, and its parent sees that.

`python -m tests.fuzz.child SURFACES SEED FIRST COUNT FOLDER REPORTS`: for each case it writes two JSON lines
to the descriptor `REPORTS`, what it is about to run and what came of it. Negative numbers are the corpus.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.fuzz import surfaces
from tests.fuzz.mutation import Mutator

BYTES_SAID = 3000


class Cases:
    """The cases of surfaces in turn, each in a fresh copy of its surface's base."""

    def __init__(self, names: list[str], seed: int, folder: Path) -> None:
        self.names, self.seed = names, seed
        self.folder, self.case, self.log = folder, folder / "case", folder / "log"
        descriptor = os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        for standard in (1, 2):
            os.dup2(descriptor, standard)
        if not (folder / "outside").exists():
            (folder / "outside").mkdir()
            (folder / "outside/keep").write_bytes(b"kept")

    def prepare(self, number: int) -> tuple[str, str, list[str]]:
        """Damage a fresh copy of a base; returns the surface, the damaged file and the command's words."""
        command = surfaces.corpus(self.names)[-number - 1] if number < 0 else None
        surface = command.parents[1].name if command else self.names[number % len(self.names)]
        base = self.folder / f"base-{surface}"
        if not base.exists():
            base.mkdir()
            surfaces.write_base(surface, base)
        shutil.rmtree(self.case, ignore_errors=True)
        shutil.copytree(base, self.case)
        if command:
            return surface, *surfaces.known(surface, self.case, command)
        mutator = Mutator(f"{self.seed}/{surface}/{number}", str(self.folder / "outside"))
        path, arguments = surfaces.damage(surface, self.case, mutator)
        return surface, str(path.relative_to(self.case)), arguments

    def run(self, arguments: list[str]) -> dict[str, Any]:
        """Run a command over the case; returns what came of it."""
        before = surfaces.outside(self.case)
        os.truncate(self.log, 0)
        code, fault = execute(arguments)
        if surfaces.outside(self.case) != before:
            fault = "it changed a file outside of its folders"
        sys.stdout.flush()
        sys.stderr.flush()
        said = self.log.read_bytes()[-BYTES_SAID:].decode(errors="replace")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"code": code, "fault": fault, "said": said if fault else "", "peak_kb": peak}


def execute(arguments: list[str]) -> tuple[int, str]:
    """Run a command: its exit code, and what is wrong with how it ended."""
    try:
        code = surfaces.execute(arguments)
    except BaseException as error:  # noqa: BLE001 a panic of Rust is no `Exception`
        traceback.print_exc()
        return 70, f"{type(error).__name__} escaped"
    return code, "exit code 70" if code not in {0, 2, 3, 4} else ""


def main() -> None:
    names, seed, first, count, folder, reports = sys.argv[1:]
    with os.fdopen(int(reports), "w") as out:
        cases = Cases(names.split(","), int(seed), Path(folder))
        for number in range(int(first), int(first) + int(count)):
            surface, file, arguments = cases.prepare(number)
            about = {"surface": surface, "case": number, "file": file, "command": arguments}
            print(json.dumps(about), file=out, flush=True)
            print(json.dumps(cases.run(arguments)), file=out, flush=True)


if __name__ == "__main__":
    main()
