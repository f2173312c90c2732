"""A cluster of two nodes in this machine, for the tests of a file; recipes of several tasks and ranges."""

from __future__ import annotations

import os
from pathlib import Path

import octomed
import pytest
from octomed.pipeline.inputs import tasks

from tests.end_to_end import runs

ROOT = Path(__file__).parents[2]


def paths():
    """What nodes find modules by: this package, and these tests with their filters."""
    return os.pathsep.join([str(Path(octomed.__file__).parents[1]), str(ROOT)])


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    monkeypatch.setattr(tasks, "JSON_TASK_BYTES", runs.TASK_BYTES)
    monkeypatch.setattr(tasks, "PARQUET_TASK_BYTES", runs.TASK_BYTES)


@pytest.fixture
def small(tmp_path):
    """A recipe over inputs of three formats: several tasks, a range to train on and one to validate on."""
    return write_small(tmp_path)


def write_small(folder, **values):
    runs.make_inputs(folder)
    return runs.write_recipe(folder, runs.values() | {"validation": {"share": 0.2}} | values)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of two cores each."""
    with started() as made:
        yield made


def started(nodes=2, **first):
    """Return a context with a cluster of so many nodes; its address is `RAY_ADDRESS` meanwhile."""
    pytest.importorskip("ray", reason="`octomed[ray]` is not installed")
    from tests.ray.clusters import started as start

    return start(nodes, **first)
