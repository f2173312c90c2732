"""Shards and checkpoints in an object store whose requests fail one in ten, and one that goes away."""

from __future__ import annotations

import re
import time

import pytest

pytest.importorskip("composer")

from .ranks import Ranks, run_ranks
from .sessions import command, equal, traces_of_steps, train, write_recipe


@pytest.mark.long
@pytest.mark.parametrize("of", ["packed", "packed_images"])
def test_training_over_s3_ends_where_a_local_run_does(of, store, tmp_path, request):
    """One in ten requests fails; every rank is killed once; the run goes on from the store."""
    packed = request.getfixturevalue(of)
    steps = {"max_duration": "4ba", "save_interval": "1ba"}
    local = run_ranks(2, train, write_recipe(tmp_path / "local", packed, **steps))[0]
    remote = store.upload(packed, "run")
    recipe = write_recipe(
        tmp_path / "store", remote, **steps, save_folder="s3://octomed/checkpoints/{run_name}"
    )
    store.failing = 0.1
    patient = store.environment | {"AWS_MAX_ATTEMPTS": "6"}  # of two, one request in a hundred fails for good
    kill = {"rank": None, "step": 2, "event": "after_forward"}
    ranks = Ranks(2, train, recipe, [], kill, environment=patient)
    for process in ranks.processes:
        process.join(120)
    assert {process.exitcode for process in ranks.processes} == {-9}
    found = run_ranks(2, train, recipe, environment=patient)[0]
    assert store.refused > 0
    assert equal(found, local)
    assert traces_of_steps(tmp_path / "store/run") == traces_of_steps(tmp_path / "local/run")
    store.failing = 0.0
    assert store.keys("checkpoints/tiny/ep0-ba4-rank0.pt")
    assert store.keys("checkpoints/tiny/octomed-train.json")


@pytest.mark.long
def test_a_store_that_goes_away_in_the_middle(packed, store, tmp_path):
    """The run ends with what happened and how to go on; once the store answers, it does."""
    steps = {"max_duration": "6ba", "save_interval": "1ba"}
    whole = run_ranks(1, train, write_recipe(tmp_path / "whole", packed, **steps))[0]
    recipe = write_recipe(tmp_path / "store", packed, **steps, save_folder="s3://octomed/checkpoints")
    ranks = Ranks(1, command, [str(recipe)], environment=store.environment)
    while ranks.processes[0].is_alive() and not store.keys("ep0-ba2-rank0.pt"):
        time.sleep(0.02)
    store.gone = True
    assert ranks.results() == [4]
    assert "error: the object store failed" in ranks.said()
    assert f"resume: composer -n 1 train.py {recipe} autoresume=true" in ranks.said()
    store.gone = False
    assert equal(run_ranks(1, train, recipe, environment=store.environment)[0], whole)


@pytest.mark.long
def test_a_kill_between_the_uploads_of_a_sharded_checkpoint(packed, store, tmp_path):
    """Composer uploads `.metadata` first, so a checkpoint may have that and lack a rank's shard."""
    steps = {"max_duration": "4ba", "save_interval": "1ba", "fsdp_config": {"state_dict_type": "sharded"}}
    whole = run_ranks(2, train, write_recipe(tmp_path / "whole", packed, **steps))[0]
    recipe = write_recipe(tmp_path / "store", packed, **steps, save_folder="s3://octomed/checkpoints")
    store.unwritable = re.compile(r"/ep0-ba[2-4]/__1_0")
    ranks = Ranks(2, train, recipe, environment=store.environment)
    while ranks.processes[0].is_alive() and not store.keys("ep0-ba2/.metadata"):
        time.sleep(0.02)
    if not ranks.processes[0].is_alive():
        ranks.results()
    ranks.kill()
    store.unwritable = None
    assert not store.keys("ep0-ba2/__1_0.distcp")
    onward = Ranks(2, train, recipe, environment=store.environment)
    assert equal(onward.results()[0], whole)
    assert "`ep0-ba2` was not completely written: ignored" in onward.said()
    assert "resuming from `s3://octomed/checkpoints/ep0-ba1`" in onward.said()
    assert store.keys("ep0-ba4/__1_0.distcp")


@pytest.mark.long
def test_training_over_google_s_store(packed, google_store, tmp_path):
    """Shards and checkpoints; a second start goes on from them."""
    steps = {"max_duration": "4ba", "save_interval": "2ba"}
    local = run_ranks(2, train, write_recipe(tmp_path / "local", packed, **steps))[0]
    remote = google_store.upload(packed, "run")
    recipe = write_recipe(tmp_path / "store", remote, **steps, save_folder="gs://octomed/checkpoints")
    run_ranks(2, train, recipe, ["max_duration=2ba"], environment=google_store.environment)
    onward = Ranks(2, train, recipe, environment=google_store.environment)
    assert equal(onward.results()[0], local)
    assert "resuming from `gs://octomed/checkpoints/ep0-ba2-rank0.pt`" in onward.said()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["s3", "gcs", "azure", "hub"])
def test_training_from_each_kind_of_store_while_requests_fail(kind, served, packed, tmp_path):
    """A fifth of the requests fails, in every way that there is; the model is that of a local run."""
    steps = {"max_duration": "3ba"}
    local = run_ranks(1, train, write_recipe(tmp_path / "local", packed, **steps))[0]
    server = served(kind)
    recipe = write_recipe(tmp_path / "store", server.upload(packed, "run"), **steps)
    server.set(rate=0.2, hang=0.1)
    found = run_ranks(1, train, recipe, environment=server.environment)[0]
    assert server.counts()["faults"] > 0
    assert equal(found, local)
    assert traces_of_steps(tmp_path / "store/run") == traces_of_steps(tmp_path / "local/run")
