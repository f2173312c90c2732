"""The batch files for Slurm: a scheduler's doings, done to them; the resumed run has the same bytes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import octomed
import pytest

from tests import slurm
from tests.end_to_end import runs

ROOT = Path(__file__).parents[2]
FILES = ROOT / "examples/slurm"
DRIVER = [sys.executable, str(Path(__file__).with_name("driver.py"))]
PAUSE = "0.02"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The bytes of a run that nobody stopped."""
    folder = tmp_path_factory.mktemp("undisturbed")
    runs.make_inputs(folder)
    process = runs.start(runs.write_recipe(folder, runs.values()), pause=0)
    assert process.wait(120) == 0
    return runs.contents(folder / "out")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(octomed.__file__).parents[1]))
    runs.make_inputs(tmp_path)
    runs.write_recipe(tmp_path, runs.values())
    return slurm.Cluster(tmp_path, [*DRIVER, str(runs.BLOCK_BYTES), str(runs.TASK_BYTES), PAUSE])


def begun(cluster, job, seconds=60):
    """Wait until a job's run has finished a block, and not all of them."""
    until = time.monotonic() + seconds
    while not list(cluster.folder.glob("store/blocks/*/*.index")):
        assert job.poll() is None, cluster.output.read_text()
        assert time.monotonic() < until, cluster.output.read_text()
        time.sleep(0.002)
    assert not (cluster.folder / "out/octomed.json").exists()


def resumed(cluster, undisturbed):
    assert not (cluster.folder / "out/octomed.json").exists()
    job = cluster.start(FILES / "pack.sbatch", "recipe.yaml")
    assert job.wait(120) == 0, cluster.output.read_text()
    assert not cluster.requeued.exists()
    assert runs.contents(cluster.folder / "out") == undisturbed


@pytest.mark.parametrize("name", ["pack", "train"])
def test_the_document_shows_the_files(name):
    text = (FILES / f"{name}.sbatch").read_text(encoding="utf-8")
    assert f"```text\n{text}```" in (ROOT / "docs/slurm.md").read_text(encoding="utf-8")
    asked = slurm.options(FILES / f"{name}.sbatch")
    assert asked["signal"].startswith("B:USR1@")
    assert {"requeue", "open-mode", "time"} <= set(asked)


def test_a_job_whose_time_is_nearly_over_is_requeued_and_resumes(cluster, undisturbed):
    job = cluster.start(FILES / "pack.sbatch", "recipe.yaml")
    begun(cluster, job)
    os.kill(job.pid, signal.SIGUSR1)
    assert job.wait(60) == 143, cluster.output.read_text()
    assert "stopped by SIGTERM: finished work is kept and reused" in cluster.output.read_text()
    assert cluster.requeued.exists()
    resumed(cluster, undisturbed)


def test_a_cancelled_job_ends_in_order_and_is_not_requeued(cluster, undisturbed):
    job = cluster.start(FILES / "pack.sbatch", "recipe.yaml")
    begun(cluster, job)
    cluster.signal_steps(signal.SIGTERM)
    assert job.wait(60) == 143, cluster.output.read_text()
    assert not cluster.requeued.exists()
    resumed(cluster, undisturbed)


def test_a_job_on_a_node_that_failed_resumes(cluster, undisturbed):
    job = cluster.start(FILES / "pack.sbatch", "recipe.yaml")
    begun(cluster, job)
    os.killpg(job.pid, signal.SIGKILL)
    cluster.signal_steps(signal.SIGKILL)
    assert job.wait(60) == -signal.SIGKILL
    resumed(cluster, undisturbed)


def test_a_run_that_fails_by_itself_is_not_requeued(cluster):
    job = cluster.start(FILES / "pack.sbatch", "no-such-recipe.yaml")
    assert job.wait(60) == 2
    assert not cluster.requeued.exists()
