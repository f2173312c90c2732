"""Whole runs from and to stores that fail: the same bytes, or a sentence with address, reason and hint, and exit 4."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from datetime import timedelta

import octomed
import pytest

pytest.importorskip("obstore")
from octomed.stores import attempts, connecting

from tests.servers.credentials import SECRET
from tests.servers.fixtures import in_environment

from . import runs

WRITABLE = ["fast_s3", "gcs", "azure"]
ROWS = 60
PARQUET_ROWS = 120


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A recipe over files of three formats, and what its run in a folder is."""
    folder = tmp_path_factory.mktemp("local")
    runs.make_inputs(folder, rows=ROWS)
    path = runs.write_recipe(folder, runs.values())
    process = runs.start(path, pause=0)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses of milliseconds."""
    backoff = {"init_backoff": timedelta(seconds=0.01), "max_backoff": timedelta(seconds=0.1), "base": 2}
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(attempts, "_LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(connecting, "retry_config", lambda many: {"max_retries": many, "backoff": backoff})


def contents(folder):
    """Digest of every file; of `octomed.json` all that does not say where something lies."""
    said = json.loads((folder / "octomed.json").read_text())
    for name in ("run", "inputs"):
        said.pop(name, None)
    for source in said["recipe"]["sources"]:
        del source["path"]
    del said["recipe"]["output"]["path"]
    said["recipe"].pop("stores", None)
    return runs.contents(folder) | {"octomed.json": json.dumps(said, sort_keys=True)}


def at_store(folder, local, server, *, output=True, **stores):
    """Write the recipe with its sources, and its output, at a server."""
    recipe = json.loads(local.read_text())
    for name in ("questions", "chats", "chains"):
        source = next(one for one in recipe["sources"] if one["name"] == name)
        source["path"] = _addressed(server, source["path"])
    if output:
        recipe["output"]["path"] = f"{server.root}/run"
    recipe["stores"] = [{"prefix": server.root, "timeout": 5.0, **stores}]
    return runs.write_recipe(folder, recipe)


def _addressed(server, path):
    if server.kind == "web":  # which lists nothing
        return [f"{server.root}/{name}" for name in server.names("data/") if _fits(name, path)]
    return f"{server.root}/{path}"


def _fits(name, path):
    return name.startswith(path.rstrip("*.jsonl").rstrip("/")) or name == path


def uploaded(server, local):
    """Have a server hold the inputs, past all faults."""
    server.upload(local.parent / "data", "data")
    return server


def is_the_local_run(server, local, tmp_path):
    got = server.download("run", tmp_path / "got")
    assert contents(got) == contents(local.parent / "out")
    assert octomed.verify(got).findings == ()
    shutil.rmtree(got)


@pytest.mark.parametrize("kind", WRITABLE)
def test_a_fifth_of_all_requests_fails(kind, request, local, tmp_path):
    server = uploaded(request.getfixturevalue(kind), local)
    recipe = at_store(tmp_path, local, server)
    server.set(rate=0.2, hang=0.1, seed=3)
    runs.pack(recipe)
    counts = server.counts()
    server.set(rate=0)
    assert counts["faults"] > 10
    is_the_local_run(server, local, tmp_path)


@pytest.mark.parametrize("kind", ["hub", "web"])
def test_a_fifth_of_all_requests_for_sources_fails(kind, request, local, tmp_path):
    server = uploaded(request.getfixturevalue(kind), local)
    recipe = at_store(tmp_path, local, server, output=False)
    server.set(rate=0.2, hang=0.1, seed=3)
    runs.pack(recipe)
    assert server.counts()["faults"] > 3
    assert contents(tmp_path / "out") == contents(local.parent / "out")
