"""Ranks without a launcher: processes forked from this one, with the variables that Streaming reads."""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from octomed.stream.shared_memory import remove_stale

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 60


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def _run(variables: dict[str, str], pipe: Any, function: Callable[..., Any], arguments: Any) -> None:
    os.environ.update(variables)
    tracker = resource_tracker._resource_tracker
    tracker._fd = tracker._pid = None  # as a rank of its own has
    try:
        pipe.send((True, function(*arguments)))
    except BaseException as error:  # noqa: BLE001 whatever it is, the test is told
        pipe.send((False, (error, traceback.format_exc())))


def start(ranks: int, function: Callable[..., Any], *arguments: Any) -> list[tuple[Any, Any]]:
    """Start the function in every rank; pairs of process and pipe."""
    context = multiprocessing.get_context("fork")
    port = _free_port()
    started = []
    for rank in range(ranks):
        here, there = context.Pipe(duplex=False)
        process = context.Process(
            target=_run, args=(environment(rank, ranks, port), there, function, arguments)
        )
        process.start()
        there.close()
        started.append((process, here))
    return started


def results(started: list[tuple[Any, Any]]) -> list[Any]:
    """What each rank returned; the first error of one, with its traceback as a note."""
    values = []
    try:
        for process, pipe in started:
            assert pipe.poll(SECONDS), f"{process.name} does not answer"
            values.append(pipe.recv())
    finally:
        for process, _ in started:
            process.join(5)
            process.kill()
        remove_stale()
    for good, value in values:
        if not good:
            error, text = value
            raise error from RuntimeError(text)
    return [value for _, value in values]


def in_ranks(ranks: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run a function in some ranks and return what each returns."""
    return results(start(ranks, function, *arguments))
