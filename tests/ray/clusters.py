"""Clusters of several nodes in one machine."""

from __future__ import annotations

import os
from contextlib import contextmanager

from ray.cluster_utils import Cluster

from tests.ray.conftest import paths

STORE = 80 * 2**20


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
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")  # beside other tests it takes its time
    cluster = Cluster(initialize_head=True, head_node_args=of_node(**first))
    try:
        for _ in range(nodes - 1):
            cluster.add_node(**of_node())
        os.environ["RAY_ADDRESS"] = cluster.address
        yield cluster
    finally:
        cluster.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def of_node(**values):
    """Return what a node is started with."""
    return {"num_cpus": 2, "num_gpus": 0, "object_store_memory": STORE, "include_dashboard": False} | values
