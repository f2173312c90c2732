"""A scheduler as small as a test: it starts a batch script as Slurm does, signals it, and has it requeued.

What is Slurm's: the batch script has a session of its own; `srun` starts a task a node, each in a group of
processes of its own, and hands signals on; `--signal=B:` reaches the script alone, the end of the time
and `scancel` every group of a step; `scontrol requeue` has the job started again with the same words, and its
output appended.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

SRUN = """
import os, signal, subprocess, sys
words = sys.argv[1:]
kill_others = False
while words[0].startswith("--"):
    kill_others |= words.pop(0) == "--kill-on-bad-exit=1"
if os.environ["TEST_APART"]:  # nodes do not share memory: Streaming would take one's for the other's
    of_its_own = 'mount -t tmpfs none /dev/shm && exec "$@"'
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", of_its_own, "sh", *words]
tasks = []
def hand_on(number, _):
    for task in tasks:
        if task.poll() is None:
            os.killpg(task.pid, number)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, hand_on)
for node in range(int(os.environ["SLURM_JOB_NUM_NODES"])):
    environment = {**os.environ, "SLURM_NODEID": str(node), "SLURM_PROCID": str(node)}
    tasks.append(subprocess.Popen(words, env=environment, start_new_session=True))
    with open(os.environ["TEST_STEPS"], "a") as steps:
        print(tasks[-1].pid, file=steps)
codes = []
for task in tasks:
    code = task.wait()
    codes.append(128 - code if code < 0 else code)
    if code and kill_others:
        hand_on(signal.SIGTERM, None)
sys.exit(max(codes))
"""
SCONTROL = """
if [ "$1 $2" = "show hostnames" ]; then for node in $(seq "$SLURM_JOB_NUM_NODES"); do echo 127.0.0.1; done
elif [ "$1 $2" = "requeue $SLURM_JOB_ID" ]; then touch "$TEST_REQUEUED"
else echo "scontrol: $*" >&2; exit 1; fi
"""


class Cluster:
    """A folder with `srun`, `scontrol` and `octomed` for batch scripts, which run in it.

    Parameters
    ----------
    folder
        An existing one.
    octomed
        The words that `octomed` stands for.
    nodes
        How many there are; all of them are this machine.
    gpus
        How many a node is said to have.
    """

    def __init__(self, folder: Path, octomed: list[str], *, nodes: int = 1, gpus: int = 1) -> None:
        self.folder = folder
        self.output = folder / "slurm.out"
        self.requeued = folder / "requeued"
        self._steps = folder / "steps"
        tools = folder / "bin"
        tools.mkdir()
        _tool(tools / "srun", f"#!{sys.executable}\n{SRUN}")
        _tool(tools / "scontrol", f"#!/bin/bash\n{SCONTROL}")
        _tool(tools / "octomed", f'#!/bin/bash\nexec {shlex.join(octomed)} "$@"\n')
        self._environment = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_JOB_NUM_NODES": str(nodes),
            "SLURM_JOB_NODELIST": "node[0-9]",
            "SLURM_CPUS_PER_TASK": "2",
            "SLURM_GPUS_ON_NODE": str(gpus),
            "TEST_APART": "yes" if nodes > 1 else "",
            "TEST_STEPS": str(self._steps),
            "TEST_REQUEUED": str(self.requeued),
        }
        self._starts = 0

    def start(self, script: Path, *words: str) -> subprocess.Popen[bytes]:
        """Start a batch script, as when it is submitted, and again when it was requeued."""
        self.requeued.unlink(missing_ok=True)
        self._steps.unlink(missing_ok=True)
        environment = self._environment | {"SLURM_RESTART_COUNT": str(self._starts)}
        self._starts += 1
        with self.output.open("ab") as output:
            return subprocess.Popen(
                ["bash", str(script), *words],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def signal_steps(self, number: int) -> None:
        """Signal every process of every step."""
        for group in map(int, self._steps.read_text().split()):
            for one in (signal.SIGCONT, number):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, one)


def _tool(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def nodes_can_be_apart() -> bool:
    """Tell whether this machine lets a process have a `/dev/shm` of its own."""
    words = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/dev/shm"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def options(script: Path) -> dict[str, str]:
    """Return what a batch script asks Slurm for."""
    lines = re.findall(r"^#SBATCH (.*)", script.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(re.findall(r"--([\w-]+)(?:=(\S+))?", " ".join(lines)))
