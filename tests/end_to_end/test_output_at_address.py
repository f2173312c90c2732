"""Runs into a store: the same bytes as in a folder, whatever stops them on the way."""

from __future__ import annotations

import json

import octomed

from . import runs


def download(s3, folder, name="run"):
    """Bring all that is under a name of the bucket into a folder."""
    for key in s3.keys(f"{name}/"):
        path = folder / key.removeprefix(f"{name}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.read(key))
    return folder


def contents(folder):
    """Digest of every file of a run, but for what says where it lies."""
    path = folder / "octomed.json"
    run = json.loads(path.read_text())
    run["recipe"]["output"].pop("path")
    run["recipe"]["output"].pop("copies", None)
    return runs.contents(folder) | {"octomed.json": {name: run[name] for name in run if name != "run"}}


def at(s3, name="run"):
    return f"output.path={s3.address(name)}"


def staged(small):
    """Files in staging folders."""
    folder = small.parent / "store/outputs"
    return [path.name for path in folder.glob("*/**/*") if path.is_file() and path.name != ".octomed.lock"]


def test_every_object_is_the_file_of_a_local_run(small, s3, tmp_path):
    summary = runs.pack(small, at(s3))
    got = download(s3, tmp_path / "got")
    runs.pack(small)
    assert contents(got) == contents(small.parent / "out")
    assert octomed.verify(got).findings == ()
    assert summary.output == s3.address("run")
    files = [path for path in got.rglob("*") if path.parent != got and path.name != "index.json"]
    assert summary.uploads["files"] == len([path for path in files if path.is_file()])
    assert staged(small) == []
    print(summary)
    again = runs.pack(small, at(s3))
    assert again.already_done
    assert again.uploads is None
    print(again)
