"""Each rank's share of the cores."""

from __future__ import annotations

import pytest
from octomed.train import threads
from octomed.train.threads import share_cores


@pytest.mark.parametrize(
    ("asked", "environment", "found", "written"),
    [
        (None, {}, 6, "6"),
        (None, {"LOCAL_WORLD_SIZE": "2"}, 3, "3"),
        (None, {"LOCAL_WORLD_SIZE": "4"}, 1, "1"),
        (None, {"LOCAL_WORLD_SIZE": "64"}, 1, "1"),
        (None, {"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "5"}, None, "5"),
        (None, {"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": " "}, 3, "3"),
        (2, {"LOCAL_WORLD_SIZE": "2", "OMP_NUM_THREADS": "5"}, 2, "2"),
    ],
)
def test_ranks_share_the_cores_unless_told_otherwise(monkeypatch, asked, environment, found, written):
    monkeypatch.setattr(threads, "cores", lambda: 6)
    assert share_cores(asked, environment) == found
    assert environment["OMP_NUM_THREADS"] == written
