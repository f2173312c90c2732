"""SIGTERM and SIGHUP end a run as Ctrl-C does: in order, at once, and with the line that resumes it."""

from __future__ import annotations

import json
import lzma
import os
import signal
import subprocess
import sys
import time

import pytest

from . import runs
from .test_resume import forget, standing, undisturbed, wait_until

pytestmark = pytest.mark.alone  # a run ends within two seconds

__all__ = ["undisturbed"]

SAID = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "stopped by SIGTERM",
    signal.SIGHUP: "stopped by SIGHUP",
}


def half_written(folder):
    return [path.name for path in folder.rglob("*") if ".tmp" in path.name]


def stop(process, number):
    """Send a signal; what the process says until it ends, which takes two seconds at most."""
    begin = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert time.monotonic() - begin < 2
    return said


@pytest.mark.parametrize("number", list(SAID))
@pytest.mark.parametrize("moment", ["scan", "write"])
def test_a_signal_ends_the_run_in_order(small, undisturbed, moment, number):
    expected, _ = undisturbed
    process = runs.start(small)
    wait_until(process, lambda: len(standing(small.parent)[moment == "write"]) > 2)
    said = stop(process, number)
    assert process.returncode == 128 + number
    assert f"error: {SAID[number]}: finished work is kept and reused" in said
    assert f"resume: `octomed pack {small}`" in said
    assert f"\n{moment}: stopped after " in said
    assert "Traceback" not in said
    assert half_written(small.parent) == []
    runs.pack(small)
    assert runs.contents(small.parent / "out") == expected


@pytest.mark.parametrize("pause", [30, runs.PAUSE])
def test_workers_that_look_at_nothing_are_not_waited_for(small, pause):
    """Busy in Python for half a minute, and in Rust with one block as large as the file."""
    runs.make_inputs(small.parent, rows=6000)
    forget(small)
    process = runs.start(small, pause=pause, sizes=(2**30, 2**30))
    wait_until(process, lambda: list((small.parent / "store/blocks").glob("*")))
    said = stop(process, signal.SIGTERM)
    assert process.returncode == 143
    assert f"resume: `octomed pack {small}`" in said
    assert half_written(small.parent) == []


def test_a_reader_busy_with_a_file_that_holds_no_rows(small):
    """Blank lines without end: no block is cut at which the run could look whether it is to end."""
    (small.parent / "data/questions/c.jsonl.xz").write_bytes(lzma.compress(b"\n" * 2**29, preset=0))
    recipe = runs.values()
    recipe["sources"][0]["path"] = "data/questions/*.xz"
    process = runs.start(runs.write_recipe(small.parent, recipe))
    assert process.stderr is not None
    assert "scan" in process.stderr.readline()
    said = stop(process, signal.SIGTERM)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in said


def test_a_second_signal_ends_at_once(small):
    process = runs.start(small, pause=30)
    wait_until(process, lambda: standing(small.parent)[0])
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGTERM
    assert time.monotonic() - begin < 2


def test_a_signal_that_is_ignored_stays_so(small, undisturbed):
    """As `nohup octomed pack …` has it."""
    expected, _ = undisturbed
    forget(small)
    process = runs.start(small, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until(process, lambda: len(standing(small.parent)[0]) > 2)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert runs.contents(small.parent / "out") == expected


def test_with_json_the_event_has_the_resuming_command(small):
    command = [sys.executable, "-c", STOPPED_IN_A_PLAN, "pack", str(small), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    (event,) = [one for one in events if one["event"] == "error"]
    assert done.returncode == 143
    assert event["message"] == "stopped by SIGTERM: finished work is kept and reused"
    assert event["resume"] == f"octomed pack {small}"


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_other_verbs_say_so_too(small, verb):
    command = [sys.executable, "-c", STOPPED_IN_A_PLAN, verb, str(small)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 143
    assert done.stderr == "error: stopped by SIGTERM: finished work is kept and reused\n"


STOPPED_IN_A_PLAN = """
import os, signal, sys
from octomed.cli.app import main
from octomed.pipeline.planning import plan
plan.find_inputs = lambda _: os.kill(os.getpid(), signal.SIGTERM)
main(sys.argv[1:])
"""


LOADED = [
    *("octomed.cli.app", "typer", "rich", "rich.console", "octomed.cli.pack"),
    *(
        "octomed.pipeline.passes.run",
        "octomed._octomed",
        "pyarrow",
        "numpy",
        "pydantic",
        "ruamel.yaml",
        "octomed.recipe.schema",
    ),
]


@pytest.mark.parametrize("module", LOADED)
def test_a_signal_while_libraries_load_says_how_to_go_on(small, module):
    """NumPy and others make of an exception in the middle of their import a failure of their own."""
    for number, what in SAID.items():
        words = ["pack", str(small), "--set", "pack.capacity=512", "--workers", "2"]
        command = [sys.executable, "-c", STOPPED_WHILE_LOADING, module, str(int(number)), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        assert done.returncode == 128 + number, done.stderr
        again = f"resume: `octomed {' '.join(words)}`"
        assert done.stderr == f"error: {what}: finished work is kept and reused\n{again}\n"


def test_a_signal_while_libraries_load_is_an_event_with_json(small):
    words = ["pack", "--json", "--set", "name=a b", str(small)]
    command = [sys.executable, "-c", STOPPED_WHILE_LOADING, "typer", str(int(signal.SIGHUP)), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 129
    event = json.loads(done.stderr)
    assert event["message"] == "stopped by SIGHUP: finished work is kept and reused"
    assert event["resume"] == f"octomed pack --set 'name=a b' {small}"


@pytest.mark.parametrize("words", [["check", "r.yaml"], ["pack"], ["pack", "--set", "a=1"], ["--help"], []])
def test_what_no_command_resumes_has_no_such_line(words):
    command = [sys.executable, "-c", STOPPED_WHILE_LOADING, "typer", str(int(signal.SIGTERM)), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 143
    assert done.stderr == "error: stopped by SIGTERM: finished work is kept and reused\n"


def test_a_signal_after_any_pause_is_a_code_and_a_line(small):
    """What comes before Python runs a line of ours has the code of the signal, and nothing can be said."""
    forget(small)
    for step in range(12):
        number = list(SAID)[step % 3]
        command = [sys.executable, "-m", "octomed", "pack", str(small)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.1 * step)
        process.send_signal(number)
        _, said = process.communicate(timeout=600)
        assert process.returncode in {128 + number, -number, 0}, said
        assert "Traceback" not in said or "octomed" not in said
        if process.returncode == 128 + number:
            assert f"resume: `octomed pack {small}`" in said


STOPPED_WHILE_LOADING = """
import os, sys
module, number = sys.argv.pop(1), int(sys.argv.pop(1))
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
from octomed.cli import main
main()
"""
