"""`octomed pack --executor ray`: the bytes, the errors and the words of a run here."""

from __future__ import annotations

import json

import octomed
import pytest
from octomed.errors import DataError

from tests.end_to_end import runs
from tests.ray.conftest import write_small

pytest.importorskip("ray", reason="`octomed[ray]` is not installed")


def store(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("blocks/*/*")}


def over_ray(recipe, *overrides, **options):
    places = ("output.path=there", "work.path=store-there")
    return runs.pack(recipe, *overrides, *places, executor=octomed.RayExecutor(), **options)


@pytest.mark.usefixtures("cluster")
def test_two_nodes_make_the_bytes_of_one_machine(small, capsys):
    """Blocks, shards, tables and `octomed.json`; both nodes took part, and what they did adds up."""
    here = runs.pack(small)
    options = ["--executor", "ray", "--set", "output.path=there", "--set", "work.path=store-there"]
    code = runs.command_line(["pack", str(small), *options, "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    found, expected = (runs.contents(small.parent / name) for name in ("there", "out"))
    assert {name for name in found if found[name] != expected[name]} == {"octomed.json"}  # has its paths
    assert found.keys() == expected.keys()
    assert store(small.parent / "store-there") == store(small.parent / "store")
    nodes = [event for event in map(json.loads, said.err.splitlines()) if event["event"] == "node"]
    assert len(nodes) == 2
    assert min(node["tasks"] for node in nodes) > 0
    assert sum(node["rows"] for node in nodes) == here.rows == json.loads(said.out)["rows"]
    assert sum(node["shards"] for node in nodes) == here.shards
    assert sum(node["ranges"] for node in nodes) == 2
    done = [event for event in map(json.loads, said.err.splitlines()) if event["event"] == "stage_done"]
    assert [event["rows"] for event in done[:1]] == [here.rows], "what a node tells counts once"
    assert not (small.parent / "store-there/nodes").exists()
    assert over_ray(small).already_done

    rows = runs.question_rows(1, 300)
    (small.parent / "data/questions/cut.json").write_text(json.dumps(rows)[:20_000])
    (small.parent / "data/questions/a.jsonl").unlink()
    bad = runs.write_recipe(small.parent, runs.one_source("data/questions/cut.json"))
    with pytest.raises(DataError) as local:
        runs.pack(bad, "output.path=bad", "work.path=store-bad")
    with pytest.raises(DataError) as remote:
        over_ray(bad, replace=True)
    assert remote.value.hint == local.value.hint
    assert remote.value.message.startswith(f"{local.value.message} (on node `")
    assert remote.value.exit_code == 3


@pytest.mark.long
def test_a_cluster_is_started_here_where_none_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    small = write_small(tmp_path)
    runs.pack(small)
    options = ["--executor", "ray", "--workers", "1", "--set", "output.path=there"]
    code = runs.command_line(["pack", str(small), *options, "--set", "work.path=store-there"])
    said = capsys.readouterr().err
    assert code == 0, said
    assert "started here with 1 core, at 127.0.0.1 without dashboard, as `RAY_ADDRESS` is not set" in said
    assert "(1 threads)" in said
    found, expected = (runs.contents(tmp_path / name) for name in ("there", "out"))
    assert {name for name in found if found[name] != expected[name]} == {"octomed.json"}
