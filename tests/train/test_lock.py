"""One training a folder, for as long as its process lives."""

from __future__ import annotations

import os
import signal

import pytest

pytest.importorskip("composer")

from octomed.errors import RecipeError
from octomed.train.lock import exclusive

from .ranks import Ranks
from .sessions import train, write_recipe


def hold(folder, *, worker):
    """Hold a folder in another process, maybe with a worker of it; returns their ids."""
    here, there = os.pipe()
    process = os.fork()
    if process:
        os.close(there)
        return process, int(os.read(here, 20))
    with exclusive(str(folder)):
        other = os.fork() if worker else -1
        if other:
            os.write(there, str(other).encode())
        signal.pause()
    os._exit(0)


def test_a_folder_is_held_by_one_process_until_it_dies(tmp_path):
    process, _ = hold(tmp_path / "run", worker=False)
    with pytest.raises(RecipeError, match=f"process {process} is training in `{tmp_path}/run`"):
        exclusive(str(tmp_path / "run")).__enter__()
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    with exclusive(str(tmp_path / "run")):
        pass


def test_a_worker_that_outlives_its_rank_holds_nothing(tmp_path):
    process, worker = hold(tmp_path, worker=True)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.kill(worker, 0)  # it lives
    with exclusive(str(tmp_path)):
        os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("held", ["run", "checkpoints"])
def test_a_second_training_is_refused(held, packed, tmp_path):
    """Before it writes anything."""
    recipe = write_recipe(tmp_path, packed)
    with exclusive(str(tmp_path / held)):
        ranks = Ranks(1, train, recipe)
        with pytest.raises(AssertionError, match=f"process {os.getpid()} is training in `{tmp_path}/{held}`"):
            ranks.results()
    assert not list(tmp_path.rglob("*.json*"))


def test_a_training_that_goes_on_says_what_it_does(packed, tmp_path):
    """A finished one is named as that; and a longer one, because the schedule is another then."""
    recipe = write_recipe(tmp_path, packed)
    Ranks(1, train, recipe, ["max_duration=2ba"]).results()
    finished = Ranks(1, train, recipe, ["max_duration=2ba"])
    finished.results()
    assert "nothing to train: step 2 is the last" in finished.said()
    longer = Ranks(1, train, recipe, ["max_duration=4ba"])
    longer.results()
    assert "note: `max_duration` was 2ba: from here on the schedule is that of 4ba" in longer.said()
    assert "step 4" in longer.said()
