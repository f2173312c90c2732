"""Shards and checkpoints in an object store whose requests fail one in ten, and one that goes away."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("composer")

from .ranks import Ranks, run_ranks
from .sessions import command, equal, traces_of_steps, train, write_recipe


@pytest.mark.long
def test_training_over_s3_ends_where_a_local_run_does(packed, store, tmp_path):
    """One in ten requests fails; every rank is killed once; the run goes on from the store."""
    steps = {"max_duration": "4ba", "save_interval": "1ba"}
    local = run_ranks(2, train, write_recipe(tmp_path / "local", packed, **steps))[0]
    remote = store.upload(packed, "octomed", "run")
    recipe = write_recipe(
        tmp_path / "store", remote, **steps, save_folder="s3://octomed/checkpoints/{run_name}"
    )
    store.failing = 0.1
    kill = {"rank": None, "step": 2, "event": "after_forward"}
    ranks = Ranks(2, train, recipe, [], kill, environment=store.environment)
    for process in ranks.processes:
        process.join(120)
    assert {process.exitcode for process in ranks.processes} == {-9}
    found = run_ranks(2, train, recipe, environment=store.environment)[0]
    assert store.refused > 0
    assert equal(found, local)
    assert traces_of_steps(tmp_path / "store/run") == traces_of_steps(tmp_path / "local/run")
    store.failing = 0.0
    assert store.keys("octomed", "checkpoints/tiny/ep0-ba4-rank0.pt")
    assert store.keys("octomed", "checkpoints/tiny/octomed-train.json")


@pytest.mark.long
def test_a_store_that_goes_away_in_the_middle(packed, store, tmp_path):
    """The run ends with what happened and how to go on; once the store answers, it does."""
    steps = {"max_duration": "6ba", "save_interval": "1ba"}
    whole = run_ranks(1, train, write_recipe(tmp_path / "whole", packed, **steps))[0]
    store.client().create_bucket(Bucket="octomed")
    recipe = write_recipe(tmp_path / "store", packed, **steps, save_folder="s3://octomed/checkpoints")
    ranks = Ranks(1, command, [str(recipe)], environment=store.environment)
    while ranks.processes[0].is_alive() and not store.keys("octomed", "ep0-ba2-rank0.pt"):
        time.sleep(0.02)
    store.gone = True
    assert ranks.results() == [4]
    assert "error: the object store failed" in ranks.said()
    assert f"resume: composer -n 1 train.py {recipe} autoresume=true" in ranks.said()
    store.gone = False
    assert equal(run_ranks(1, train, recipe, environment=store.environment)[0], whole)
