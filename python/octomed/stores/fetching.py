"""Threads that fetch: some for what a reader waits for, others for what will be read next."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

Result = TypeVar("Result")

AHEAD_THREADS = 16
URGENT_THREADS = 8


class Fetching:
    """The threads of this process; those of a process that was forked are its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._pools: dict[bool, ThreadPoolExecutor] = {}

    def submit(self, call: Callable[..., Result], *arguments: object, urgent: bool = False) -> Future[Result]:
        """Queue a call.

        Parameters
        ----------
        call, arguments
            What to do.
        urgent
            Whether somebody waits for it.
        """
        return self._pool(urgent=urgent).submit(call, *arguments)

    def _pool(self, *, urgent: bool) -> ThreadPoolExecutor:
        with self._lock:
            if self._process != os.getpid():
                self._process, self._pools = os.getpid(), {}
            if urgent not in self._pools:
                threads = URGENT_THREADS if urgent else AHEAD_THREADS
                self._pools[urgent] = ThreadPoolExecutor(threads, thread_name_prefix="octomed-fetch")
            return self._pools[urgent]


fetching = Fetching()
