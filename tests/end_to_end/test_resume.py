"""Runs that are killed, interrupted, or started twice: finished work is kept, to the same bytes."""

from __future__ import annotations

import fcntl
import json
import random
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import octomed
import pytest
from octomed.report.progress import SilentProgress

from . import runs

KILLS = [5, pytest.param(20, marks=pytest.mark.long)]


def standing(folder):
    """Blocks and shards that stand now."""
    return sorted((folder / "store/blocks").glob("*/*.index")), sorted((folder / "out").glob("len-*/shard.*"))


def wait_until(process, condition, seconds=600):
    end = time.monotonic() + seconds
    while process.poll() is None and not condition():
        assert time.monotonic() < end, "the moment never came"
        time.sleep(0.001)


@pytest.fixture
def undisturbed(small):
    """The bytes and the summary of a run that nothing happened to, and nothing left of it."""
    runs.make_inputs(small.parent, rows=400)
    summary = runs.pack(small)
    found = runs.contents(small.parent / "out")
    forget(small)
    return found, summary


def forget(small):
    shutil.rmtree(small.parent / "out", ignore_errors=True)
    shutil.rmtree(small.parent / "store", ignore_errors=True)


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_run_goes_on_where_it_was(small, undisturbed, kills):
    expected, whole = undisturbed
    blocks, shards = whole.blocks_scanned, whole.shards
    draw = random.Random(17)
    landed = {"scan": 0, "write": 0}
    for _ in range(kills):
        forget(small)
        # Half of the moments lie in the scan and half in the writing, whatever the machine's speed.
        moment = draw.choice(["scan", "write"])
        wanted = draw.randrange(blocks) if moment == "scan" else draw.randrange(shards)
        process = runs.start(small)
        wait_until(process, lambda at=moment, many=wanted: len(standing(small.parent)[at == "write"]) > many)
        time.sleep(draw.random() * 2 * runs.PAUSE)
        process.kill()
        process.communicate()
        scanned, written = standing(small.parent)
        landed[moment] += process.returncode == -signal.SIGKILL
        again = runs.pack(small, workers=draw.choice([1, 2, 8]))
        assert runs.contents(small.parent / "out") == expected
        assert octomed.verify(small.parent / "out").findings == ()
        if not again.already_done:
            assert again.blocks_reused >= len(scanned)
            assert again.blocks_scanned + again.blocks_reused == blocks
            assert len(written) == 0 or again.blocks_scanned == 0
        left = [path.name for path in small.parent.glob("out/**/*") if ".tmp" in path.name]
        assert left == [], "half-written files of the killed run were left in the output"
    assert sum(landed.values()) >= kills - 1


def test_a_run_killed_again_and_again_still_ends_with_the_same_bytes(small, undisturbed):
    expected, whole = undisturbed
    for number in range(3):
        process = runs.start(small)
        already = len(standing(small.parent)[0])
        wait_until(process, lambda before=already: len(standing(small.parent)[0]) > before + 3)
        process.kill()
        process.communicate()
        assert len(standing(small.parent)[0]) > 3 * (number + 1)
    summary = runs.pack(small)
    assert summary.blocks_reused > 9
    assert summary.blocks_reused + summary.blocks_scanned == whole.blocks_scanned
    assert runs.contents(small.parent / "out") == expected


@pytest.mark.alone
@pytest.mark.parametrize("moment", ["scan", "write"])
def test_ctrl_c_ends_the_run_at_once_and_it_resumes(small, undisturbed, moment):
    expected, whole = undisturbed
    process = runs.start(small)
    wait_until(process, lambda: len(standing(small.parent)[moment == "write"]) > 2)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert time.monotonic() - begin < 2
    assert process.returncode == 130
    assert "interrupted" in said
    assert f"resume: `octomed pack {small}`" in said
    assert "Traceback" not in said
    assert f"\n{moment}: stopped after " in said
    assert f"{moment}: done in " not in said
    stood = len(standing(small.parent)[0])
    assert stood < whole.blocks_scanned or moment == "write"
    again = runs.pack(small)
    assert again.blocks_reused >= stood
    assert runs.contents(small.parent / "out") == expected


@pytest.mark.alone
def test_ctrl_c_does_not_wait_for_a_long_call(small, undisturbed):
    """A worker that looks at nothing for half a minute, as one that compresses with zstd:16 does."""
    expected, _ = undisturbed
    process = runs.start(small, pause=30)
    wait_until(process, lambda: len(standing(small.parent)[0]) > 1)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert time.monotonic() - begin < 2
    assert process.returncode == 130
    assert "error: interrupted: finished work is kept and reused" in said
    assert f"resume: `octomed pack {small}`" in said
    runs.pack(small)
    assert runs.contents(small.parent / "out") == expected


class Held(SilentProgress):
    """Holds a run at the beginning of its scan until it is let go."""

    def __init__(self):
        self.there, self.go = threading.Event(), threading.Event()

    def stage(self, name, *_):
        if name == "scan":
            self.there.set()
            assert self.go.wait(600)


def test_two_runs_into_one_folder_the_second_is_refused(small, undisturbed):
    expected, _ = undisturbed
    held = Held()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(runs.pack, small, progress=held)
        try:
            assert held.there.wait(600)
            second = runs.start(small)
            out, said = second.communicate(timeout=600)
        finally:
            held.go.set()
        assert second.returncode == 2
        assert out == ""
        assert f"error: another run is writing to `{small.parent / 'out'}`" in said
        assert "hint: wait for the other run to end" in said
        assert first.result().train > 0
    assert runs.contents(small.parent / "out") == expected


def test_a_dead_process_holds_no_lock_and_clean_waits_for_none(small, capsys):
    runs.pack(small)
    store = small.parent / "store"
    with open(store / ".octomed.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        code, said = runs.fails(capsys, "clean", small)
        assert code == 2
        assert f"a run is using `{store}`" in said
    with open(store / ".octomed.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = runs.fails(capsys, "pack", small, "--set", "pack.seed=5", "--set", "output.path=new")
        assert code == 2
        assert "`octomed clean` is at work" in said
    assert runs.pack(small).already_done


def test_a_damaged_manifest_or_task_is_made_again(small):
    runs.pack(small)
    out, store = small.parent / "out", small.parent / "store"
    expected = runs.contents(out)
    task = next((store / "blocks").glob("*/task.json"))
    task.write_bytes(task.read_bytes()[:20])
    (out / "octomed.json").unlink()
    again = runs.pack(small)
    assert again.blocks_scanned == 0
    assert runs.contents(out) == expected
    manifest = json.loads((out / ".octomed-run.json").read_text())
    assert manifest["shards"]
