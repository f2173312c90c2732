"""Clusters of several nodes in one machine."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest
from ray.cluster_utils import Cluster

from tests.ray.conftest import paths

STORE = 80 * 2**20
ATTEMPTS = 3


@contextmanager
def started(nodes=2, **first):
    """Start a cluster of so many nodes with two cores each, and have runs join it.

    Parameters
    ----------
    nodes
        How many.
    first
        What the first node is started with instead.
    """
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "RAY_ADDRESS")}
    os.environ |= {"PYTHONPATH": paths(), "RAY_USAGE_STATS_ENABLED": "0"}
    cluster = Cluster()
    try:
        for values in (first, *({} for _ in range(nodes - 1))):
            add(cluster, **values)
        os.environ["RAY_ADDRESS"] = cluster.address
        yield cluster
    finally:
        cluster.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def add(cluster, **values):
    """Add a node of two cores; Ray gives its processes 30 seconds, which a busy machine may not have."""
    node = {"num_cpus": 2, "num_gpus": 0, "object_store_memory": STORE, "include_dashboard": False} | values
    for _ in range(ATTEMPTS):
        try:
            return cluster.add_node(**node)
        except Exception as error:  # noqa: BLE001 the class that it raises
            said = str(error)
    return pytest.skip(f"no node of Ray starts in time on this machine: {said}")
