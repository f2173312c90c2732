"""The process that runs the cases of one surface: it may crash, hang or grow, and its parent sees that.

`python -m tests.fuzz.child SURFACE SEED FIRST COUNT FOLDER REPORTS`: for each case it writes the case's number to the
descriptor `REPORTS` before, and a JSON line with what came of it behind.
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
    """The cases of a surface, each in a fresh copy of its base."""

    def __init__(self, surface: str, seed: int, folder: Path) -> None:
        self.surface, self.seed = surface, seed
        self.base, self.case, self.log = folder / "base", folder / "case", folder / "log"
        outside = folder / "outside"
        if not self.base.exists():
            self.base.mkdir(parents=True)
            outside.mkdir()
            (outside / "keep").write_bytes(b"kept")
            surfaces.write_base(surface, self.base)
        descriptor = os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        for standard in (1, 2):
            os.dup2(descriptor, standard)

    def run(self, number: int) -> dict[str, Any]:
        """Run a case; returns what came of it."""
        shutil.rmtree(self.case, ignore_errors=True)
        shutil.copytree(self.base, self.case)
        mutator = Mutator(f"{self.seed}/{self.surface}/{number}", str(self.case.parent / "outside"))
        path, arguments = surfaces.damage(self.surface, self.case, mutator)
        before = surfaces.outside(self.case)
        os.truncate(self.log, 0)
        code, fault = execute(arguments)
        if surfaces.outside(self.case) != before:
            fault = "it changed a file outside of its folders"
        sys.stdout.flush()
        sys.stderr.flush()
        said = self.log.read_bytes()[-BYTES_SAID:].decode(errors="replace")
        return {
            "file": str(path.relative_to(self.case)),
            "command": " ".join(arguments),
            "code": code,
            "fault": fault,
            "said": said if fault else "",
            "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }


def execute(arguments: list[str]) -> tuple[int, str]:
    """Run a command: its exit code, and what is wrong with how it ended."""
    try:
        code = surfaces.execute(arguments)
    except BaseException as error:  # noqa: BLE001 a panic of Rust is no `Exception`
        traceback.print_exc()
        return 70, f"{type(error).__name__} escaped"
    return code, "exit code 70" if code not in {0, 2, 3, 4} else ""


def main() -> None:
    surface, seed, first, count, folder, reports = sys.argv[1:]
    cases = Cases(surface, int(seed), Path(folder))
    with os.fdopen(int(reports), "w") as out:
        for number in range(int(first), int(first) + int(count)):
            print(number, file=out, flush=True)
            print(json.dumps(cases.run(number)), file=out, flush=True)


if __name__ == "__main__":
    main()
