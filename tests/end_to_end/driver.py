"""The command line with small blocks and tasks, slow enough to be caught at work.

`driver.py BLOCK_BYTES TASK_BYTES PAUSE arguments…`: workers pause so many seconds after each block and shard.
"""

from __future__ import annotations

import os
import sys
import time

from octomed.cli import main
from octomed.pipeline.inputs import tasks
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.passes import run
from octomed.report import progress
from octomed.report.progress import LineProgress

assert blocks_of.__kwdefaults__ is not None
blocks_of.__kwdefaults__["target"] = int(sys.argv[1])
tasks.JSON_TASK_BYTES = tasks.PARQUET_TASK_BYTES = int(sys.argv[2])
PAUSE = float(sys.argv[3])


class SlowProgress(LineProgress):
    """Holds up the worker that tells what it finished."""

    def advance(self, **counts: int) -> None:
        """Count, and wait."""
        time.sleep(PAUSE)
        super().advance(**counts)


run.refuse_full_disk = lambda *_, **__: None  # so that a test's disk fills under the run
progress.progress_for = lambda *_, **__: SlowProgress()

if "OCTOMED_TEST_SLOW" in os.environ:  # seconds that every upload takes, in which it looks at nothing
    from octomed.stores.client import ObjectStore

    ObjectStore.put_file = lambda *_: time.sleep(float(os.environ["OCTOMED_TEST_SLOW"]))

if __name__ == "__main__":
    main(sys.argv[4:])
