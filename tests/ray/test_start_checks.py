"""What a node must have and see: each difference is an error that names it, with a way out."""

from __future__ import annotations

import os
import shutil
import socket
from types import SimpleNamespace

import pytest
from octomed.errors import ClusterError, RecipeError
from octomed.pipeline.cluster import connection, places
from octomed.pipeline.cluster.differences import refuse_another_program
from octomed.pipeline.cluster.probe import probe
from octomed.pipeline.cluster.ray_executor import RayExecutor

FILE = SimpleNamespace(path="", size=0, is_remote=False)


def run_of(folder, *files):
    """What is asked of a run: its store, its output, and its tasks' files."""
    for name in ("store", "out"):
        (folder / name).mkdir(exist_ok=True)
    tasks = [SimpleNamespace(task=SimpleNamespace(file=file)) for file in files]
    working = SimpleNamespace(mode="umask")
    return SimpleNamespace(store=folder / "store", output=folder / "out", tasks=tasks, working=working)


def source(path, size=None, *, is_remote=False):
    size = path.stat().st_size if size is None else size
    return SimpleNamespace(path=str(path), size=size, is_remote=is_remote)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            {"missing": "ModuleNotFoundError: No module named 'octomed'"},
            "cannot load octomed: ModuleNotFound",
        ),
        ({"python": "3.9.1"}, "has Python 3.9.1, and this machine has"),
        ({"octomed": "0.0.1"}, "has octomed 0.0.1, and this machine has"),
        ({"stages": "1.1"}, "has an octomed whose stages are 1.1"),
        ({"code": "0"}, "has an octomed whose code is 0"),
        ({"extension": "0"}, "has an octomed whose extension is 0"),
    ],
)
def test_another_program_is_refused(there, said):
    here = probe()
    refuse_another_program("b", here, here)
    with pytest.raises(ClusterError, match="node `b` ") as caught:
        refuse_another_program("b", here | there, here)
    assert said in caught.value.message
    assert caught.value.hint


def test_the_extension_of_another_processor_has_other_bytes():
    here = probe()
    refuse_another_program("b", here | {"processor": "aarch64", "extension": "0"}, here)


def test_a_node_that_sees_all_is_taken_and_leaves_nothing(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")
    with places.meeting(run_of(tmp_path, source(rows), source(tmp_path / "far", 7, is_remote=True))) as met:
        seen = places.look(met, "id")
        assert (met.output / seen.written).exists()
        places.refuse_unseen(met, "id", "b", seen)
    assert list((tmp_path / "out").iterdir()) == list((tmp_path / "store").iterdir()) == []


def refused(met, seen=None):
    with pytest.raises(ClusterError, match="node `b`") as caught:
        places.refuse_unseen(met, "id", "b", places.look(met, "id") if seen is None else seen)
    assert caught.value.hint
    return caught.value.message


def test_a_node_without_the_folders_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "_PATIENCE_SECONDS", 0.1)
    with places.meeting(run_of(tmp_path)) as met:
        seen = places.look(met, "id")
        (met.folder / "id.json").unlink()
        assert "writes to" in refused(met, seen), "it has a folder of its own at the path"
        places.look(met, "id")
        (met.output / seen.written).unlink()
        assert f"writes to `{met.output}` is not seen here" in refused(met, seen)
        shutil.rmtree(met.output)
        assert "cannot write to the output folder" in refused(met)
        (met.folder / "start.json").write_text('{"token": "another", "files": []}')
        assert "has another folder at" in refused(met)
        (met.folder / "start.json").unlink()
        assert "does not see the working store" in refused(met)
        met.output.mkdir()


def test_sources_that_a_node_reads_otherwise_are_named(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n")
    gone = [source(tmp_path / f"z{number}.jsonl", 1) for number in range(5)]
    files = [source(rows, 99), *gone]
    with places.meeting(run_of(tmp_path, *files)) as met:
        said = refused(met)
    assert f"has 3 bytes of `{rows}`, and here are 99" in said
    assert "and 3 more" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_store_that_a_node_cannot_write_to(tmp_path):
    with places.meeting(run_of(tmp_path)) as met:
        met.folder.chmod(0o500)
        assert "cannot write to the working store" in refused(met)
        met.folder.chmod(0o700)


def test_what_killed_runs_left_goes_after_a_day(tmp_path):
    old, new = (tmp_path / "store/nodes" / name for name in ("old", "new"))
    for one in (old, new):
        one.mkdir(parents=True)
    os.utime(old, (0, 0))
    with places.meeting(run_of(tmp_path)):
        assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ray://head:10001", "is the address of a Ray Client"),
        ("head", "is no address of a cluster"),
        ("127.0.0.1:99999", "no Ray cluster answers"),
    ],
)
def test_addresses_where_no_cluster_is(address, said):
    pytest.importorskip("ray", reason="`octomed[ray]` is not installed")
    with pytest.raises(ClusterError, match="`") as caught, connection.connected(address, 1):
        pass
    assert said in caught.value.message
    assert caught.value.hint


def test_a_port_that_nobody_listens_at():
    pytest.importorskip("ray", reason="`octomed[ray]` is not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no Ray cluster answers"), connection.connected(address, 1):
            pass


@pytest.mark.parametrize("options", [{"workers": 0}, {"limit": 0}, {"limit": float("nan")}])
def test_numbers_that_make_no_sense(options):
    with pytest.raises(RecipeError, match="is "):
        RayExecutor(**options)
