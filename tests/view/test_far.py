"""A run at an address, and one that is looked at while it is packed."""

from __future__ import annotations

import os
import shutil

import pytest
from octomed.pipeline.finished.run_places import opened_run
from octomed.stores.client import open_store

from tests.view import made
from tests.view.conftest import reader


@pytest.fixture
def far(run, fast_s3, tmp_path, monkeypatch):
    monkeypatch.setenv("OCTOMED_CACHE", str(tmp_path / "cache"))
    place = open_store(f"{fast_s3.root}/runs/made")
    for path in filter(os.path.isfile, run.rglob("*")):
        place.put(str(path.relative_to(run)), path.read_bytes())
    return place


def test_a_run_in_a_bucket_has_the_same_pages(far, run, tmp_path):
    near = reader(run)
    asked = [
        "/0/lengths", "/0/rejects", "/0/traces?source=films", "/0/packs/len-00256/0", "/0/clusters/0",
        "/0/packs/len-00256/0/positions.json", "/0/search?for=number+7", "/0/contamination/0",
        "/0/row?source=rows&file=rows.jsonl&row=5",
    ]  # fmt: skip
    with opened_run(str(far.address)) as folder:
        pages = reader(folder)
        assert str(far.address) in pages.get("/0/")
        for address in asked:
            assert pages.get(address) == near.get(address), address
        assert not list(folder.rglob("shard*"))  # none of those that were looked at stays
    assert not list((tmp_path / "cache").rglob("shard*"))


def test_a_run_that_comes_into_a_bucket_is_shown_when_it_is_there(far):
    data = far.read("octomed.json")
    far.delete("octomed.json")
    with opened_run(str(far.address)) as folder:
        pages = reader(folder)
        assert "data-refresh" in pages.get("/0/")
        far.put("octomed.json", data)
        assert "Rows read" in pages.get("/0/")


def test_a_run_is_looked_at_while_it_is_packed(tmp_path, monkeypatch):
    """Whatever a page finds of a run that is being written, it is a page; and looking hinders no run."""
    from octomed.pipeline.output import manifest

    looks = []
    pages = reader(tmp_path / "made/run")

    def looked(self, *words, **named):
        looks.append(pages.client.get("/0/"))
        return add(self, *words, **named)

    add = manifest.Manifest.add_shard
    monkeypatch.setattr(manifest.Manifest, "add_shard", looked)
    run = made.pack(tmp_path / "made")
    assert looks
    assert all(one.status_code == 200 and "data-refresh" in one.text for one in looks)
    assert any("a process is at work on it" in one.text for one in looks)
    assert "Rows read" in pages.get("/0/")
    shutil.rmtree(run)
    assert "holds no run" in pages.get("/0/", 404)
