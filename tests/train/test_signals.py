"""Ctrl-C, SIGTERM and SIGHUP: one line, the command that resumes, the exit code, and the report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from octomed.train.signals import SIGNALS

pytestmark = pytest.mark.alone  # races of signals

ROOT = Path(__file__).parents[2]
SECONDS = 120.0


def until(is_so, what):
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)


def script(text, *words):
    """Start a process that trains as `text` says, where `STOP` is listening, in a group of its own."""
    head = """
        import os, sys, threading, time, signal, multiprocessing
        from octomed.train import main, signals
        from octomed.train.signals import STOP
        def ready():
            print("ready", flush=True)
    """
    tail = """
        main._train = train
        sys.exit(main.main(["none.yaml"]))
    """
    code = "\n".join(textwrap.dedent(part) for part in (head, text, tail))
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def ended(process):
    said = process.communicate(timeout=SECONDS)[1]
    return process.returncode, said


TOLD = "stopped by signal {}\nresume: composer -n 1 train.py none.yaml autoresume=true\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_the_end_is_told_once_with_the_way_on(number):
    process = script("def train(_):\n    ready()\n    time.sleep(60)")
    os.killpg(process.pid, number)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGTERM)  # as a launcher passes it on
    assert ended(process) == (128 + number, TOLD.format(number.value))


def test_a_signal_that_was_ignored_before_stays_ignored():
    process = script(
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        def train(_):
            STOP.take()
            ready()
            time.sleep(1)
        """
    )
    os.killpg(process.pid, signal.SIGHUP)
    assert ended(process) == (0, "")


def test_handlers_are_those_of_before_after_a_training():
    process = script(
        """
        def train(_):
            ready()
        before = [signal.getsignal(one) for one in signals.SIGNALS]
        main._train = train
        assert main.main(["none.yaml"]) == 0
        assert [signal.getsignal(one) for one in signals.SIGNALS] == before
        """
    )
    assert ended(process) == (0, "")


def test_what_swallows_the_end_is_told_again():
    process = script(
        """
        signals.AGAIN = 0.2
        class Broken:
            def __del__(self):
                ready()
                time.sleep(1)
        def train(_):
            one = Broken()
            del one
            time.sleep(60)
        """
    )
    os.killpg(process.pid, signal.SIGTERM)
    assert ended(process) == (143, TOLD.format(15))


def test_a_process_that_hangs_is_ended_with_the_same_words():
    process = script(
        """
        import ctypes
        signals.AGAIN, signals.LONGEST = 0.1, 0.5
        def train(_):
            ready()
            wait = ctypes.CDLL(None).usleep  # as a collective: Python's handlers do not run in it
            end = time.monotonic() + 60
            ctypes.CDLL(None).pause.restype = None
            lock = threading.Lock()
            while time.monotonic() < end:
                try:
                    wait(10_000_000)
                except SystemExit:
                    pass
        """
    )
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    assert ended(process) == (130, TOLD.format(2))
    assert time.monotonic() - begun < 8


def test_an_error_that_a_signal_makes_is_no_error():
    process = script(
        """
        def train(_):
            try:
                ready()
                time.sleep(60)
            finally:
                raise RuntimeError("unexpected pos 64 vs 0")  # as torch's writer of checkpoints does
        """
    )
    os.killpg(process.pid, signal.SIGTERM)
    assert ended(process) == (143, TOLD.format(15))


def test_threads_and_destructors_say_nothing_of_an_end():
    process = script(
        """
        def breaks():
            while STOP.number is None:
                time.sleep(0.01)
            raise ConnectionError("closed")
        def train(_):
            threading.Thread(target=breaks).start()
            ready()
            time.sleep(60)
        """
    )
    os.killpg(process.pid, signal.SIGTERM)
    assert ended(process) == (143, TOLD.format(15))


def test_a_closed_terminal_is_no_reason_to_end_otherwise():
    process = script(
        """
        def train(_):
            ready()
            os.close(2)
            time.sleep(60)
        """
    )
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(SECONDS) == 129


def test_workers_are_left_to_the_rank():
    """A batch that is being made is delivered, and `terminate` ends a worker all the same."""
    process = script(
        """
        from octomed.train.worker_processes import WorkerContext
        signals.AGAIN = signals.LONGEST = 60.0  # on a busy machine, too
        def work(pipe):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # torch's workers handle it, and end
            pipe.send(1)
            time.sleep(0.5)
            pipe.send(2)
            time.sleep(60)
        def train(_):
            mine, its = multiprocessing.Pipe()
            worker = WorkerContext().Process(target=work, args=(its,), daemon=True)
            worker.start()
            assert mine.recv() == 1
            ready()
            try:
                time.sleep(60)
            finally:
                assert mine.recv() == 2
                worker.terminate()
                worker.join()
                assert worker.exitcode == -signal.SIGKILL
                print("as it should be", flush=True)
        """
    )
    os.killpg(process.pid, signal.SIGTERM)
    out, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said, out) == (143, TOLD.format(15), "as it should be\n")


def test_a_signal_while_a_worker_starts_is_its_parent_s():
    process = script(
        """
        from octomed.train.worker_processes import WorkerContext
        signals.AGAIN = signals.LONGEST = 60.0  # on a busy machine, too
        def train(_):
            workers = []
            ready()
            try:
                while True:
                    workers.append(WorkerContext().Process(target=time.sleep, args=(60,), daemon=True))
                    workers[-1].start()
                    if len(workers) > 30:
                        workers.pop(0).terminate()
            finally:
                assert all(worker.is_alive() for worker in workers if worker.pid)
        """
    )
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    assert ended(process) == (130, TOLD.format(2))


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, "resume: composer -n 3 train.py {} seed=3 autoresume=true"),
        (
            {"autoresume": False, "load_path": "x.pt"},
            "resume: composer -n 3 train.py {} seed=3 autoresume=true load_path=null",
        ),
        (
            {"save_folder": None, "autoresume": False},
            "nothing to resume from: the recipe has no `save_folder`",
        ),
        (
            {"save_weights_only": True, "autoresume": False},
            "nothing to resume from: `save_weights_only` leaves the optimizer state out",
        ),
    ],
)
def test_the_way_on_is_one_that_works(tmp_path, monkeypatch, capsys, changes, end):
    from octomed.train import main

    from .sessions import write_recipe

    path = str(write_recipe(tmp_path, tmp_path / "none", **changes))

    def stop(_):
        raise SystemExit(143)

    monkeypatch.setattr(main, "_train", stop)
    monkeypatch.setattr(main.STOP, "number", None)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setenv("WORLD_SIZE", "6")
    monkeypatch.setenv("LOCAL_RANK", "1")
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    assert main.main([path, "seed=3"]) == 143
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert capsys.readouterr().err.splitlines()[-1] == end.format(path)


def begun(tmp_path, packed, **changes):
    """Start a training of two ranks, with workers, that has made two steps."""
    pytest.importorskip("composer")
    from .ranks import Ranks
    from .sessions import command, write_recipe

    report = {"report": {"every": "1sec"}, "speed_monitor": None}
    path = write_recipe(tmp_path, packed, max_duration="2000ba", callbacks=report, **changes)
    ranks = Ranks(2, command, [str(path)])
    metrics = tmp_path / "run" / "metrics.jsonl"
    until(lambda: metrics.exists() and metrics.read_bytes().count(b"\n") >= 2, "step 2")
    return ranks


def test_a_signal_to_all_processes_of_a_training(packed, tmp_path):
    """The workers are in the groups, too. The report was there before, and says at the end how it ended."""
    ranks = begun(tmp_path, packed)
    report = tmp_path / "run" / "train-report.html"
    until(report.exists, "a report")
    assert ">Training, step" in report.read_text()
    for group in ranks.groups:
        os.killpg(group, signal.SIGINT)
    assert ranks.results() == [130, 130]
    lines = ranks.said().splitlines()
    assert lines[-2:] == [
        "stopped by signal 2",
        f"resume: composer -n 2 train.py {tmp_path}/train.yaml autoresume=true",
    ]
    assert "Traceback" not in ranks.said() + ranks.said(1)
    assert ">Stopped by signal 2, step" in report.read_text()


def test_a_rank_that_is_killed_is_told(packed, tmp_path):
    ranks = begun(tmp_path, packed)
    os.kill(ranks.groups[1], signal.SIGKILL)
    ranks.processes[0].join(SECONDS)
    assert ranks.processes[1].exitcode == -9
    import torch

    assert torch.load(Path(ranks.folder.name, "result-0"), weights_only=False) == 137
    assert "stopped: rank 1 was ended by signal 9" in ranks.said()
    assert "Traceback" not in ranks.said()
    ranks.kill()
