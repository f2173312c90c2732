"""A filter that keeps every trace, and does on a node, once, what the test asks for by a file."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

FOLDER = "OCTOMED_MISCHIEF"
"""Names the folder of those files in the environment: `kill`, `hang`, `stop`, `full`; `hold` stays."""

SLOW = "OCTOMED_SLOW_NODE"


def keeps(batch):
    """Keep all."""
    folder = os.environ.get(FOLDER)
    if folder and "default_worker" in sys.argv[0]:
        for kind, does in KINDS.items():
            try:
                (Path(folder) / kind).unlink()
            except FileNotFoundError:
                continue
            does()
        if (Path(folder) / "hold").exists():
            time.sleep(1.5)
        if SLOW in os.environ:
            time.sleep(15)
    return [True] * batch.num_rows


def full():
    """Let no file of this process grow, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


KINDS = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(600),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "full": full,
}
