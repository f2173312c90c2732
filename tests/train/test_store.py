"""Shards and checkpoints in an object store whose requests fail one in ten, and one that goes away."""

from __future__ import annotations

import pytest

pytest.importorskip("composer")

from .ranks import Ranks, run_ranks
from .sessions import equal, traces_of_steps, train, write_recipe


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
    ranks = Ranks(2, train, recipe, [], {"rank": None, "step": 2, "event": "after_forward"})
    for process in ranks.processes:
        process.join(120)
    assert {process.exitcode for process in ranks.processes} == {-9}
    found = run_ranks(2, train, recipe)[0]
    assert store.refused > 0
    assert equal(found, local)
    assert traces_of_steps(tmp_path / "store/run") == traces_of_steps(tmp_path / "local/run")
    keys = [entry["Key"] for entry in store.client().list_objects_v2(Bucket="octomed")["Contents"]]
    assert "checkpoints/tiny/ep0-ba4-rank0.pt" in keys
    assert "checkpoints/tiny/octomed-train.json" in keys
