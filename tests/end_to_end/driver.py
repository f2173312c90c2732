"""The command line with small blocks and tasks: `driver.py BLOCK_BYTES TASK_BYTES arguments…`."""

from __future__ import annotations

import sys

from octomed.cli import main
from octomed.pipeline import tasks
from octomed.pipeline.read import blocks_of

assert blocks_of.__kwdefaults__ is not None
blocks_of.__kwdefaults__["target"] = int(sys.argv[1])
tasks.JSON_TASK_BYTES = tasks.PARQUET_TASK_BYTES = int(sys.argv[2])

if __name__ == "__main__":
    main(sys.argv[3:])
