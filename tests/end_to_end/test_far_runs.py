"""Runs at addresses: verified, repaired and inspected as in a folder, with little of them on this disk."""

from __future__ import annotations

import os
import shutil

import octomed
import pytest
from octomed.cli.app import run as command_line
from octomed.errors import DataError, OctomedError, RecipeError, StorageError
from octomed.pipeline.finished import far_runs, run_places
from octomed.pipeline.finished.write_pages import write_pages
from octomed.pipeline.inputs import tasks
from octomed.pipeline.inputs.read import blocks_of
from octomed.stores.client import open_store

from . import runs

SHARD = "len-00256/shard.00000.mds.zstd"
TABLE = "provenance/len-00256-00000.parquet"
MANIFEST = ".octomed-run.json"
STATE = {MANIFEST, "octomed.json"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A finished run whose model, sources and store stay where they are."""
    folder = tmp_path_factory.mktemp("run")
    runs.make_inputs(folder, rows=40)
    with pytest.MonkeyPatch.context() as patch:  # as `small_blocks` does for each test
        patch.setitem(blocks_of.__kwdefaults__, "target", runs.BLOCK_BYTES)
        patch.setattr(tasks, "JSON_TASK_BYTES", runs.TASK_BYTES)
        patch.setattr(tasks, "PARQUET_TASK_BYTES", runs.TASK_BYTES)
        runs.pack(runs.write_recipe(folder, runs.values()), "output.hashes=[xxh3_64, md5]")
    return folder


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where what is fetched goes; it is empty when a run is closed."""
    monkeypatch.setenv("OCTOMED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def far(packed, fast_s3):
    """The run in a bucket."""
    place = open_store(f"{fast_s3.root}/runs/small")
    for path in filter(os.path.isfile, (packed / "out").rglob("*")):
        if path.name != ".octomed.lock":
            place.put(str(path.relative_to(packed / "out")), path.read_bytes())
    return place


def address(far):
    return str(far.address)


def everything(far):
    return {name: far.read(name) for name in far.names()}


def flipped(far, name):
    data = bytearray(far.read(name))
    data[len(data) // 2] ^= 1
    far.put(name, bytes(data))


def assert_nothing_stays(scratch):
    assert [path for path in scratch.rglob("*") if path.is_file()] == []


def test_a_run_at_an_address_is_as_sound_as_in_its_folder(far, packed, scratch):
    here = octomed.verify(packed / "out")
    for options in ({}, {"quick": True}, {"deep": True}):
        there = octomed.verify(address(far), **options)
        assert there.findings == ()
        if not options:
            assert there == here
    assert_nothing_stays(scratch)


@pytest.mark.parametrize("name", [SHARD, TABLE, "rejects/questions.parquet", "len-00512/index.json"])
def test_what_is_wrong_is_named(far, name):
    flipped(far, name)
    assert [one.file for one in octomed.verify(address(far)).findings] == [name]
    far.put(name, far.read(name) + b"x")
    for quick in (False, True):
        assert [one.file for one in octomed.verify(address(far), quick=quick).findings] == [name]
    far.delete(name)
    for quick in (False, True):
        found = octomed.verify(address(far), quick=quick).findings
        assert [(one.file, one.what, one.missing) for one in found] == [(name, "it is missing", True)]


def test_a_quick_look_compares_the_md5_of_a_store_with_the_run_s(far):
    flipped(far, SHARD)
    assert [one.file for one in octomed.verify(address(far), quick=True).findings] == [SHARD]


def test_what_else_lies_there_is_named(far):
    far.put("len-00256/shard.00099.mds.zstd", b"x")
    far.put("len-00128/index.json", b"x")
    far.put("mine/notes.txt", b"x")
    far.put("README.md", b"x")
    verified = octomed.verify(address(far))
    assert {one.file for one in verified.findings} == {
        "len-00256/shard.00099.mds.zstd",
        "len-00128/index.json",
    }
    assert verified.not_covered == ("README.md", "mine/", "report.html")


def test_little_of_a_run_is_on_this_disk(far, scratch, monkeypatch):
    most = 0
    fetch = far_runs.FarRun.fetch

    def fetched(self, name, to=None):
        nonlocal most
        path = fetch(self, name, to)
        # `os.walk` and not `rglob`, which raises where another thread removes what it fetched.
        names = [name for _, _, files in os.walk(scratch) for name in files]
        most = max(most, sum(name.startswith("shard.") for name in names))
        return path

    monkeypatch.setattr(far_runs.FarRun, "fetch", fetched)
    assert octomed.verify(address(far), workers=2).findings == ()
    assert 1 <= most <= 2


def test_what_a_killed_process_fetched_goes_and_what_a_living_one_did_stays(far, scratch):
    left = scratch / "octomed-scratch/run-left"
    left.mkdir(parents=True)
    (left / "octomed.json").write_text("x")
    with run_places.opened_run(address(far)) as folder:
        assert not left.exists()
        assert octomed.verify(address(far), quick=True).findings == ()
        assert (folder / "octomed.json").exists()
    assert_nothing_stays(scratch)


def test_no_secret_of_an_address_is_said(far, capsys):
    place = address(far).replace("s3://", "s3://planted:secret@")
    flipped(far, SHARD)
    for words in (["verify"], ["verify", "--json"], ["verify", "--repair"], ["inspect"], ["rejects"]):
        command_line([words[0], place, *words[1:]])
        said = capsys.readouterr()
        assert "secret" not in said.out + said.err
        assert "planted" not in said.out + said.err


def test_the_verbs_say_the_same_of_it(far, packed, capsys):
    out = packed / "out"
    trace = runs.provenance(out)[0]["trace_id"]
    for words in (
        ["verify"], ["verify", "--quick"], ["verify", "--json"], ["inspect"], ["inspect", "--json"],
        ["inspect", "--stream", "len-00256", "--pack", "1"], ["inspect", "--trace", str(trace)],
        ["inspect", "--source", "questions", "--row", "3"], ["rejects"],
        ["rejects", "--show-text", "--limit", "2"],
    ):  # fmt: skip
        verb, *options = words
        said = []
        for place in (str(out), address(far)):
            assert command_line([verb, place, *options]) == 0
            said.append(capsys.readouterr().out.replace(place, "<run>"))
        assert said[0] == said[1], words


def test_a_report_is_written_there(far, capsys):
    assert command_line(["report", address(far), "--no-samples"]) == 0
    assert capsys.readouterr().out == f"{address(far)}/report.html\n"
    assert b"<html" in far.read("report.html")
    assert b"pretty_name: small" in far.read("README.md")
    assert octomed.verify(address(far)).not_covered == ("README.md", "report.html")


@pytest.mark.parametrize("without", ["nothing", "store"])
def test_what_is_damaged_is_made_again_there(far, packed, without):
    before = everything(far)
    flipped(far, SHARD)
    far.delete(TABLE)
    far.put("len-00512/index.json", b"")
    if without == "store":
        (packed / "store").rename(packed / "kept")
    try:
        verified = octomed.verify(address(far), repair=True)
    finally:
        if without == "store":
            shutil.rmtree(packed / "store", ignore_errors=True)
            (packed / "kept").rename(packed / "store")
    assert verified.findings == ()
    assert set(verified.repaired.rebuilt) == {SHARD, TABLE, "len-00512/index.json"}
    assert everything(far) == before
    assert octomed.verify(address(far)).findings == ()


@pytest.mark.parametrize("name", [MANIFEST, "octomed.json"])
def test_a_state_file_is_made_again_there(far, name):
    before = everything(far)
    flipped(far, name)
    flipped(far, SHARD)
    assert octomed.verify(address(far), repair=True).findings == ()
    after = everything(far)
    assert {one for one in before if after[one] != before[one]} <= {"octomed.json"}
    assert before.keys() == after.keys()


def test_a_place_without_a_run_and_a_bucket_that_is_none(far, capsys):
    for verb in ("verify", "inspect", "rejects", "report"):
        code, said = runs.fails(capsys, verb, f"{address(far)}/nowhere")
        assert (code, f"`{address(far)}/nowhere` holds no finished run" in said) == (2, True), said
        code, said = runs.fails(capsys, verb, "s3://no-such-bucket-here/run")
        assert (code, "no-such-bucket-here" in said, "hint: " in said) == (4, True, True), said
    with pytest.raises(RecipeError, match="`ftp://` is not the scheme"):
        octomed.verify("ftp://host/run")


def test_a_run_that_is_written_there_is_not_repaired(far):
    flipped(far, SHARD)
    with far.lock(exclusive=True, busy="a run is writing"), pytest.raises(OctomedError):
        octomed.verify(address(far), repair=True)


def test_a_place_that_cannot_be_listed(packed, web):
    """Its files are those of the manifest, and what else lies there is not known."""
    web.upload(packed / "out", "small")
    verified = octomed.verify(f"{web.root}/small")
    assert verified.findings == ()
    assert verified.not_covered == ("what else lies there: the place cannot be listed",)
    assert command_line(["inspect", f"{web.root}/small", "--json"]) == 0
    with run_places.opened_run(f"{web.root}/small") as folder, pytest.raises(StorageError):
        write_pages(folder, samples=False)


@pytest.mark.parametrize("work", ["store", "at the store"])
def test_a_run_that_was_packed_to_an_address(tmp_path, fast_s3, work):
    """Its recipe, its blocks and its shards are there; it is repaired with nothing of them left here."""
    runs.make_inputs(tmp_path, rows=30)
    recipe = runs.write_recipe(tmp_path, runs.values())
    place = f"{fast_s3.root}/runs/far"
    scratch = tmp_path / "scratch"
    keys = [f"output.path={place}", f"work.scratch={scratch}"]
    keys += [f"work.path={fast_s3.root}/work"] if work != "store" else []
    runs.pack(recipe, *keys)
    assert octomed.verify(place).findings == ()
    assert command_line(["inspect", place]) == 0
    store = open_store(place)
    before = everything(store)
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(tmp_path / "data")
    flipped(store, SHARD)
    store.delete("rejects/questions.parquet")
    verified = octomed.verify(place, repair=True)
    assert verified.findings == ()
    assert set(verified.repaired.rebuilt) == {SHARD, "rejects/questions.parquet"}
    assert everything(store) == before
    flipped(store, MANIFEST)
    assert octomed.verify(place, repair=True).findings == ()
    assert {name for name, data in everything(store).items() if data != before[name]} <= STATE


def test_sources_at_an_address_are_read_again_and_refused_by_name_once_they_changed(tmp_path, fast_s3):
    runs.make_inputs(tmp_path, rows=30)
    data = fast_s3.upload(tmp_path / "data", "data")
    values = runs.values()
    for source in values["sources"]:
        source["path"] = source["path"].replace("data/", f"{data}/")
    recipe = runs.write_recipe(tmp_path, values)
    runs.pack(recipe)
    out = tmp_path / "out"
    whole = (out / SHARD).read_bytes()
    for _ in range(2):
        runs.damage(out / SHARD)
        shutil.rmtree(tmp_path / "store")
        assert octomed.verify(out, repair=True).repaired.blocks_scanned
        assert (out / SHARD).read_bytes() == whole
    shutil.rmtree(tmp_path / "store")
    runs.damage(out / SHARD)
    fast_s3.put("data/questions/b.jsonl", fast_s3.get("data/questions/b.jsonl").replace(b"fever", b"FEVER"))
    for gone in (False, True):
        if gone:
            fast_s3.delete("data/questions/b.jsonl")
        with pytest.raises(DataError, match=r"b\.jsonl") as caught:
            octomed.verify(out, repair=True)
        assert ("gone" if gone else "changed") in caught.value.message
