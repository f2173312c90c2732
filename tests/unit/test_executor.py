"""Threads that end with a run: at once where they can, and without harm where they cannot."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest
from octomed.pipeline.threads.executor import executor


def ends_with(error, locks, *calls):
    """Submit calls to an executor of one worker that then ends with the error."""
    with executor(1, locks) as threads:
        for call in calls:
            threads.submit(call)
        threads.submit_background(calls[0])
        threads.submit_readers(1, [calls[0]])
        raise error


@pytest.mark.alone
def test_ctrl_c_does_not_wait_for_a_long_call_and_keeps_its_locks():
    go, released, late = threading.Event(), threading.Event(), []
    with ExitStack() as locks:
        locks.callback(released.set)
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            ends_with(KeyboardInterrupt(), locks, lambda: go.wait(60), lambda: late.append(True))
        assert time.monotonic() - begin < 2
    assert not released.is_set()
    go.set()
    assert released.wait(60)
    assert late == []


@pytest.mark.alone
def test_ctrl_c_waits_for_short_calls():
    ended, released = [], threading.Event()

    def short():
        time.sleep(0.1)
        ended.append(released.is_set())

    with ExitStack() as locks:
        locks.callback(released.set)
        with pytest.raises(KeyboardInterrupt):
            ends_with(KeyboardInterrupt(), locks, short)
    assert released.is_set()
    assert ended == [False] * 3


@pytest.mark.alone
def test_any_other_end_waits_for_all_calls():
    ended = []

    def slow():
        time.sleep(1.5)
        ended.append(True)

    with pytest.raises(ValueError, match="other"):
        ends_with(ValueError("other"), None, slow)
    assert len(ended) == 3
