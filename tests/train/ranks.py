"""Ranks as processes forked from one warm process: Composer is imported once, not once a rank."""

from __future__ import annotations

import atexit
import concurrent.futures.process
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PRELOADED = [
    "composer",
    "composer.distributed.prepare_distributed",
    "octomed.train.run",
    "torch._dynamo",  # which an optimizer's first step imports
    "torch.distributed.checkpoint",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
LONGEST = 240.0


def warm() -> Any:
    """The server that forks; its imports are those of every rank."""
    os.environ.update(ENVIRONMENT)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Ranks:
    """A running group of ranks."""

    def __init__(self, number: int, function: Callable[..., Any], *arguments: Any, environment=None) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="octomed-ranks-")
        port = free_port()
        context = warm()
        self.processes = [
            context.Process(
                target=_run,
                args=(rank, number, port, self.folder.name, dict(environment or {}), function, arguments),
            )
            for rank in range(number)
        ]
        for process in self.processes:
            process.start()
        self.groups = [process.pid for process in self.processes]
        atexit.register(self.kill)

    def results(self) -> list[Any]:
        """Wait for all ranks; what a rank raises is raised here."""
        import torch

        self.wait()
        codes = [process.exitcode for process in self.processes]
        texts = [path.read_text() for path in sorted(Path(self.folder.name).glob("[es]*-*"))]
        self.kill()
        if any(code != 0 for code in codes):
            raise AssertionError(f"ranks ended with {codes}\n" + "\n".join(texts))
        return [
            torch.load(Path(self.folder.name, f"result-{rank}"), weights_only=False)
            for rank in range(len(self.processes))
        ]

    def wait(self) -> None:
        """Wait until all have ended, or one has failed, which leaves the others waiting for it."""
        until = time.monotonic() + LONGEST
        running = list(self.processes)
        while running and time.monotonic() < until:
            multiprocessing.connection.wait([process.sentinel for process in running], timeout=1)
            if any(process.exitcode for process in self.processes):
                for process in self.processes:
                    process.join(2)
                return
            running = [process for process in running if process.is_alive()]

    def said(self, rank: int = 0) -> str:
        """What a rank wrote to standard error."""
        return Path(self.folder.name, f"said-{rank}").read_text()

    def kill(self) -> None:
        """End the ranks, and what they started: each leads a group of processes."""
        groups, self.groups = self.groups, []  # once: a number may be another process's later
        for process in self.processes:
            if process.is_alive():
                process.kill()
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for process in self.processes:
            process.join()


def run_ranks(number: int, function: Callable[..., Any], *arguments: Any, environment=None) -> list[Any]:
    """Run a function of a test module on some ranks, and return what each returns."""
    return Ranks(number, function, *arguments, environment=environment).results()


def _run(  # noqa: PLR0913, PLR0917 of a process
    rank, number, port, folder, environment, function, arguments
) -> None:
    os.setsid()
    # Workers of loaders see a killed rank by their parent, so a rank is that: nothing outlives a test.
    multiprocessing.set_start_method("fork", force=True)
    os.environ.update(environment)
    os.environ.update(
        RANK=str(rank),
        WORLD_SIZE=str(number),
        LOCAL_RANK=str(rank),
        LOCAL_WORLD_SIZE=str(number),
        NODE_RANK="0",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    said = os.open(Path(folder, f"said-{rank}"), os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(said, 2)
    import torch
    from composer.utils import checkpoint

    # Composer makes it of the rank when it is imported, which was before there were ranks.
    checkpoint._TORCH_DISTRIBUTED_CHECKPOINTS_FILENAME = f"__{rank}_0.distcp"
    torch.set_num_threads(1)
    try:
        torch.save(function(*arguments), Path(folder, f"result-{rank}"))
    except BaseException:  # noqa: BLE001 the parent raises it
        Path(folder, f"error-{rank}").write_text(traceback.format_exc())
        sys.stderr.flush()
        os._exit(1)
    concurrent.futures.process._python_exit()  # a forked process leaves it out, and waits for idle workers
    if torch.distributed.is_initialized():
        # A thread of gloo may still be freeing the last collective's tensors: it holds the group's mutex and
        # wants the interpreter's lock, which the group's destructor holds while it wants the mutex.
        time.sleep(0.1)
        torch.distributed.destroy_process_group()
