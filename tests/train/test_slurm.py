"""The batch file for training under Slurm: two nodes are stopped, requeued, and end as if they were not."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import octomed
import pytest

pytest.importorskip("composer")

from tests.slurm import Cluster, nodes_can_be_apart

from .sessions import traces_of_steps, write_recipe

TRAIN = Path(__file__).parents[2] / "examples/slurm/train.sbatch"
STEPS = 30
SECONDS = 900

pytestmark = pytest.mark.long


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    if not nodes_can_be_apart():
        pytest.skip("two nodes on this machine would share memory: `unshare --mount` is not allowed")
    monkeypatch.setenv("PYTHONPATH", str(Path(octomed.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def made(name):
        folder = tmp_path / name
        folder.mkdir()
        return Cluster(folder, [sys.executable, "-m", "octomed"], nodes=2)

    return made


def recipe_in(cluster, packed):
    folder = cluster.folder
    exported = str(folder / "model")
    return write_recipe(folder, packed, max_duration=f"{STEPS}ba", export_folder=exported)


def weights(cluster):
    return {path.name: path.read_bytes() for path in (cluster.folder / "model").glob("*.safetensors")}


def test_a_training_on_two_nodes_is_requeued_and_ends_bit_equal(cluster, packed):
    whole = cluster("whole")
    assert whole.start(TRAIN, str(recipe_in(whole, packed))).wait(SECONDS) == 0, whole.output.read_text()

    stopped = cluster("stopped")
    recipe = str(recipe_in(stopped, packed))
    job = stopped.start(TRAIN, recipe)
    until = time.monotonic() + SECONDS
    while not list(stopped.folder.glob("checkpoints/ep*-rank0.pt")):
        assert job.poll() is None, stopped.output.read_text()
        assert time.monotonic() < until
        time.sleep(0.01)
    os.kill(job.pid, signal.SIGUSR1)
    assert job.wait(SECONDS) == 143, stopped.output.read_text()
    assert stopped.requeued.exists()
    assert weights(stopped) == {}

    assert stopped.start(TRAIN, recipe).wait(SECONDS) == 0, stopped.output.read_text()
    assert "resuming from" in stopped.output.read_text()
    assert weights(stopped) == weights(whole) != {}
    assert traces_of_steps(stopped.folder / "run") == traces_of_steps(whole.folder / "run")
