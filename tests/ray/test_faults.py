"""Whatever happens to nodes and driver, the bytes are those of a run here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import octomed
import pytest
from octomed.errors import ClusterError
from octomed.pipeline.cluster import board
from octomed.report.progress import SilentProgress

from tests.end_to_end import runs
from tests.ray import mischief
from tests.ray.conftest import started, write_small

pytest.importorskip("ray", reason="`octomed[ray]` is not installed")
from tests.ray.clusters import add  # which needs Ray

pytestmark = pytest.mark.long

FILTERS = [octomed.Filter(mischief.keeps, version=1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where files ask for mischief; nodes that start later know it from their environment."""
    made = tmp_path_factory.mktemp("mischief")
    os.environ[mischief.FOLDER] = str(made)
    yield made
    del os.environ[mischief.FOLDER]


@pytest.fixture(scope="module")
def nodes(folder):
    assert folder.is_dir(), "which nodes know from their environment"
    with started(2) as made:
        yield made


@pytest.fixture
def recipe(tmp_path):
    """A recipe, and the bytes of its run here."""
    path = write_small(tmp_path)
    runs.pack(path, filters=FILTERS)
    return path


class Words(SilentProgress):
    """Keeps what is said, and does something when a stage begins, or the first of it is done."""

    def __init__(self, **at):
        self.at, self.said, self.name = at, [], ""

    def stage(self, name, *_):
        self.name = name
        self.at.pop(f"{name}_begins", lambda: None)()

    def advance(self, **_):
        self.at.pop(self.name, lambda: None)()

    def message(self, text):
        self.said.append(text)


def over_ray(recipe, progress=None, **options):
    places = ("output.path=there", "work.path=store-there")
    executor = octomed.RayExecutor(**options)
    runs.pack(recipe, *places, executor=executor, filters=FILTERS, progress=progress)
    assert_equal(recipe)
    return executor


def assert_equal(recipe):
    found, expected = (runs.contents(recipe.parent / name) for name in ("there", "out"))
    assert {name for name in found if found[name] != expected[name]} == {"octomed.json"}
    assert found.keys() == expected.keys()
    store, here = (
        {path.relative_to(folder): path.read_bytes() for path in folder.glob("blocks/*/*")}
        for folder in (recipe.parent / "store-there", recipe.parent / "store")
    )
    assert store == here


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("kill", "lost its worker"),
        ("hang", "said nothing for 25 s"),
        ("stop", "said nothing for 25 s"),
        ("full", "could not go on"),
    ],
)
def test_a_worker_that_dies_hangs_or_has_a_full_disk(recipe, folder, monkeypatch, kind, said):
    monkeypatch.setattr(board, "LEAST_SECONDS_ALONE", 1e9)  # else another node is done with the task first
    (folder / kind).touch()
    words = Words()
    executor = over_ray(recipe, words, limit=25 if kind in {"hang", "stop"} else 900)
    assert not (folder / kind).exists(), "it happened"
    assert any(said in one and "goes elsewhere: `" in one for one in words.said), words.said
    assert sum(one.lost for one in executor.accounts.nodes.values()) == 1


@pytest.mark.parametrize("stage", ["scan", "write_begins"])
def test_a_node_that_is_killed(recipe, folder, stage):
    (folder / "hold").touch()
    try:
        with started(2) as made:
            other = next(iter(made.worker_nodes))
            words = Words(**{stage: lambda: kill(made, other)})
            over_ray(recipe, words)
    finally:
        (folder / "hold").unlink()
    assert any("lost its worker" in one for one in words.said), words.said


def kill(cluster, node):
    threading.Thread(target=lambda: cluster.remove_node(node, allow_graceful=False)).start()
    if node.node_id:
        time.sleep(0.2)


@pytest.mark.usefixtures("folder")
def test_a_node_that_is_slow_loses_the_last_tasks_to_others(recipe):
    with started(1) as made:
        add(made, env_vars={mischief.SLOW: "1"})
        begin = time.monotonic()
        executor = over_ray(recipe)
    assert time.monotonic() - begin < 200
    assert sum(one.lost for one in executor.accounts.nodes.values()) == 0


CHILD = """
import sys, octomed
from octomed.pipeline.inputs import tasks
from tests.end_to_end.runs import TASK_BYTES
from tests.ray.mischief import keeps
tasks.JSON_TASK_BYTES = tasks.PARQUET_TASK_BYTES = TASK_BYTES
filters = [octomed.Filter(keeps, version=1)]
octomed.pack(sys.argv[1], filters=filters, executor=octomed.RayExecutor(), workers=2,
             overrides=["output.path=there", "work.path=store-there"])
"""


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_that_is_stopped_and_started_again(recipe, folder, number):
    (folder / "hold").touch()
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(recipe)], stderr=subprocess.PIPE, text=True
        )
        store = recipe.parent / "store-there"
        wait_until(lambda: any(store.glob("blocks/*/*.index")) or child.poll() is not None)
        assert child.poll() is None, child.stderr.read()
        child.send_signal(number)
        begin = time.monotonic()
        child.wait(60)
        took = time.monotonic() - begin
    finally:
        (folder / "hold").unlink()
    if number == signal.SIGINT:
        assert took < 20, "seconds, on a machine that does much else"
        assert "KeyboardInterrupt" in child.stderr.read()
    over_ray(recipe)


@pytest.mark.usefixtures("nodes")
def test_ctrl_c_prints_the_command_that_resumes(tmp_path):
    recipe = write_small(tmp_path)
    words = [sys.executable, "-m", "octomed", "pack", str(recipe), "--executor", "ray", "--json"]
    child = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in child.stderr:
        if "joined the cluster" in line:
            break
    child.send_signal(signal.SIGINT)
    begin = time.monotonic()
    errors = [json.loads(line) for line in child.stderr if '"error"' in line]
    assert child.wait(60) == 130
    assert time.monotonic() - begin < 20
    assert errors[0]["resume"] == f"octomed pack {recipe} --executor ray"


@pytest.mark.usefixtures("nodes")
def test_the_object_store_of_ray_is_full(recipe):
    import numpy as np
    import ray

    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False)
    try:
        kept = [ray.put(np.ones(10 * 2**20, dtype=np.uint8)) for _ in range(12)]
        over_ray(recipe)
        assert len(kept) == 12
    finally:
        ray.shutdown()


def test_nodes_that_have_no_cores_and_another_octomed(recipe, tmp_path):
    other = tmp_path / "other/octomed"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('broken here')")
    with started(1, num_cpus=0, num_gpus=1) as made:
        with pytest.raises(ClusterError, match="no node of the cluster has cores"):
            over_ray(recipe)
        add(made, env_vars={"PYTHONPATH": str(other.parent)})
        with pytest.raises(ClusterError, match="cannot load octomed: ImportError: broken here") as caught:
            over_ray(recipe)
        assert caught.value.exit_code == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace of its own wants root")
def test_a_node_that_has_another_disk_at_the_path_of_the_store(recipe, tmp_path):
    store = tmp_path / "store-there"
    store.mkdir()
    with started(1) as made:
        start = f"mount -t tmpfs none {store} && exec {sys.executable} -m ray.scripts.scripts start"
        start = f"{start} --address={made.address} --num-cpus=2 --block"
        node = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", start], stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            wait_until(lambda: len(alive()) == 2)
            with pytest.raises(ClusterError, match="does not see the working store") as caught:
                over_ray(recipe)
            assert "all nodes mount at the same path" in caught.value.hint
        finally:
            os.killpg(node.pid, signal.SIGTERM)
            node.wait(30)


def alive():
    import ray

    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False)
    try:
        return [node for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()


def wait_until(happens, seconds=120):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.1)
