"""A working store at an address: the same bytes as with a folder, whatever is lost, damaged or killed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import octomed
import pytest
from octomed.cli.app import run as command_line
from octomed.pipeline.blocks import remote_blocks
from octomed.pipeline.blocks.cleaning import clean
from octomed.pipeline.blocks.purging import Excluded
from octomed.pipeline.blocks.registry import register_run
from octomed.pipeline.blocks.working_store import WorkingStore
from octomed.recipe import load_recipe
from octomed.stores import attempts
from octomed.stores.client import ObjectStore
from octomed.stores.owners import Owner
from octomed.vision import content_hash, decode, pixel_hash
from PIL import Image

from . import runs
from .test_resume import Held, wait_until

_KNOWN: dict[str, str] = {}
"""Digests of the files of a run over `small` with a local store: made once."""


@pytest.fixture
def small(tmp_path):
    """A recipe over few rows: several tasks, blocks and shards all the same."""
    runs.make_inputs(tmp_path, rows=60)
    return runs.write_recipe(tmp_path, runs.values())


@pytest.fixture
def recipe(small, s3):
    """The recipe of `small`, its working store in a bucket."""
    values = runs.values()
    values["work"] = {"path": s3.address("work"), "scratch": "scratch"}
    return runs.write_recipe(small.parent, values)


@pytest.fixture
def expected(small):
    if not _KNOWN:
        runs.pack(small, "output.path=expected", "work.path=local")
        _KNOWN.update(shards(runs.contents(small.parent / "expected")))
    return _KNOWN


def shards(contents):
    return {name: digest for name, digest in contents.items() if name != "octomed.json"}


def packed(recipe, output, *options, scratch="scratch"):
    """Pack into a folder; return the summary and digests of the files but `octomed.json`."""
    summary = runs.pack(recipe, f"output.path={output}", f"work.scratch={scratch}", *options)
    return summary, shards(runs.contents(recipe.parent / output))


def delete(s3, prefix):
    """Delete the objects whose names begin so."""
    for key in s3.keys(prefix):
        s3.client().delete_object(Bucket=s3.bucket, Key=key)


def tasks_there(s3):
    return {key.split("/")[2] for key in s3.keys("work/blocks/") if key.endswith("/task.json")}


def test_the_bytes_are_those_of_a_local_store_and_another_machine_scans_nothing(expected, recipe, s3):
    first, found = packed(recipe, "first")
    assert found == expected
    assert first.blocks_scanned
    assert len(tasks_there(s3)) == len(list(recipe.parent.glob("scratch/stores/*/blocks/*"))) > 3
    elsewhere, found = packed(recipe, "second", "pack.seed=9", scratch="other-scratch")
    assert (elsewhere.blocks_scanned, elsewhere.notes) == (0, [])
    assert elsewhere.blocks_reused == first.blocks_scanned
    again, found = packed(recipe, "third", scratch="third-scratch")
    assert again.blocks_scanned == 0
    assert found == expected


def test_what_stands_here_is_uploaded_where_it_is_missing_there(expected, recipe, s3):
    packed(recipe, "first")
    delete(s3, "work/blocks/")
    again, found = packed(recipe, "second", "pack.seed=3")
    assert again.blocks_scanned == 0
    assert found == expected
    assert tasks_there(s3)


def test_a_plan_knows_what_stands_there(recipe):
    packed(recipe, "first")
    planned = octomed.plan(load_recipe(recipe, ["work.scratch=empty"]))
    estimate = planned.estimate()
    assert estimate.tasks_standing == estimate.tasks
    assert not (recipe.parent / "empty").exists()


DAMAGE = [
    ("a flipped bit", ".ids"),
    ("a flipped bit", "task.json"),
    ("its end is missing", ".index"),
    ("gone", ".index"),
    ("gone", "task.json"),
    *(
        pytest.param(how, ending, marks=pytest.mark.long)
        for how, ending in (
            ("a flipped bit", ".index"),
            ("its end is missing", ".ids"),
            ("its end is missing", "task.json"),
            ("gone", ".ids"),
        )
    ),
]


@pytest.mark.parametrize(("how", "ending"), DAMAGE)
def test_what_is_damaged_there_is_made_again_with_a_note(expected, recipe, s3, how, ending):
    packed(recipe, "first")
    name = next(key for key in s3.keys("work/blocks/") if key.endswith(ending))
    data = bytearray(s3.read(name))
    if how == "gone":
        delete(s3, name)
    else:
        data[len(data) // 2] ^= 1
        s3.write(name, bytes(data) if how == "a flipped bit" else bytes(data[:-1]))
    again, found = packed(recipe, "second", scratch="other")
    assert found == expected
    assert again.blocks_scanned
    silent = (how, ending) == ("gone", "task.json")  # as if it had never been uploaded whole
    assert any("made again" in note for note in again.notes) != silent
    if how == "a flipped bit":
        later, found = packed(recipe, "third", scratch="later")
        assert (later.blocks_scanned, later.notes, found) == (0, [], expected)


def test_stricter_thresholds_are_scanned_again_and_never_mixed(recipe, monkeypatch):
    """A store holds a task once: who finds stricter thresholds makes it again, and others fetch that."""
    strict, loose = ("curate.length.response_words=[5, 40]",), ("curate.length.response_words=[0, 60]",)
    _, alone = packed(recipe, "alone", *loose, "work.path=alone-store")
    packed(recipe, "first", *strict)
    put, standing = ObjectStore.put_file, []

    def put_file(store, name, path):
        standing.append(store.size(f"{name.rpartition('/')[0]}/task.json"))
        return put(store, name, path)

    monkeypatch.setattr(ObjectStore, "put_file", put_file)
    second, found = packed(recipe, "second", *loose, scratch="other")
    assert set(standing) == {None}  # nobody fetches what is about to be another's
    assert found == alone
    assert second.blocks_scanned
    third, found = packed(recipe, "third", *loose)  # here are the stricter ones
    assert third.blocks_scanned == 0
    assert found == alone


def test_nothing_that_was_fetched_for_another_scan_is_believed(expected, recipe):
    """A run that ended while it fetched leaves some files of a task."""
    packed(recipe, "first")
    working = WorkingStore.of(load_recipe(recipe, ["work.scratch=other"]))
    key = working.remote.store.names("blocks/")[0].split("/")[1]
    for path in ("0.ids", "0.index"):
        name = f"blocks/{key}/{path}"
        working.local.put(name, bytes(working.remote.store.size(name)))
    again, found = packed(recipe, "second", scratch="other")
    assert (again.blocks_scanned, again.notes, found) == (0, [], expected)


def test_a_run_that_keeps_nothing_leaves_nothing_there(recipe, s3):
    summary, _ = packed(recipe, "first", "work.keep=false")
    assert s3.keys("work/blocks/") == s3.keys("work/runs/") == []
    assert summary.notes == []
    assert list(recipe.parent.glob("scratch/stores/*/blocks/*")) == []


def test_blocks_that_another_machine_may_read_stay_and_it_is_said(expected, recipe, s3):
    held = Held()
    with ThreadPoolExecutor(1) as pool:
        there = ("output.path=first", "work.scratch=elsewhere")
        other = pool.submit(runs.pack, recipe, *there, progress=held)
        try:
            assert held.there.wait(600)
            mine, found = packed(recipe, "second", "work.keep=false", "work.max_size=1kB")
        finally:
            held.go.set()
        other.result()
    assert found == expected
    assert any("another run is using" in note for note in mine.notes)
    assert shards(runs.contents(recipe.parent / "first")) == expected
    assert tasks_there(s3)


KILLED = """
import os, sys
from octomed.pipeline.blocks import remote_blocks
from octomed.stores import attempts
from octomed.stores.client import ObjectStore
from octomed.vision import content_hash, decode, pixel_hash
from PIL import Image

real, left = ObjectStore.put_file, int(os.environ.pop("UPLOADS"))

def put_file(self, name, path):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    return real(self, name, path)

ObjectStore.put_file = put_file
from octomed.pipeline.inputs import tasks
from octomed.pipeline.inputs.read import blocks_of
blocks_of.__kwdefaults__["target"] = 16_000
tasks.JSON_TASK_BYTES = tasks.PARQUET_TASK_BYTES = 50_000
from octomed.cli.app import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("uploads", [7, *(pytest.param(n, marks=pytest.mark.long) for n in (0, 1, 4, 11))])
def test_a_kill_while_blocks_are_uploaded(expected, recipe, s3, uploads):
    environment = os.environ | {"UPLOADS": str(uploads), "PYTHONPATH": str(Path(octomed.__file__).parents[1])}
    words = ["pack", str(recipe), "--set", "output.path=first"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    for key in tasks_there(s3):
        held = json.loads(s3.read(f"work/blocks/{key}/task.json"))
        assert len(s3.keys(f"work/blocks/{key}/")) == 2 * len(held["blocks"]) + 1
    elsewhere, found = packed(recipe, "second", scratch="other")  # the dead owner's lease is in nobody's way
    assert found == expected
    assert len(tasks_there(s3)) == elsewhere.blocks_reused + elsewhere.blocks_scanned or tasks_there(s3)
    _, found = packed(recipe, "first")
    assert found == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_blocks_are_uploaded_waits_for_no_store(expected, recipe, s3, number):
    process = runs.start(recipe, "--set", "output.path=first", env={"OCTOMED_TEST_SLOW": "30"})
    wait_until(process, lambda: list(recipe.parent.glob("scratch/stores/*/blocks/*/task.json")))
    begin = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert time.monotonic() - begin < 2
    assert process.returncode == 128 + number
    assert f"resume: `octomed pack {recipe} --set output.path=first`" in said
    assert "Traceback" not in said
    assert tasks_there(s3) == set()  # what was on its way counts for nothing
    again, found = packed(recipe, "first")
    assert found == expected
    assert again.blocks_reused
    assert tasks_there(s3)


KINDS = ["fast_s3", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("gcs", "azure"))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fifth_of_all_requests_fails(small, expected, kind, request, monkeypatch):
    server = request.getfixturevalue(kind)
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(attempts, "_LONGEST_PAUSE", 0.2)
    values = runs.values() | {"work": {"path": f"{server.root}/work"}, "stores": [{"prefix": server.root}]}
    recipe = runs.write_recipe(small.parent, values)
    server.set(rate=0.2, hang=0.1, seed=3)
    first, found = packed(recipe, "first")
    assert found == expected
    elsewhere, found = packed(recipe, "second", scratch="other")
    faults = server.counts()["faults"]
    server.set(rate=0)
    assert (elsewhere.blocks_scanned, elsewhere.notes, found) == (0, [], expected)
    assert elsewhere.blocks_reused == first.blocks_scanned
    assert faults > 10


def test_everything_at_addresses_and_nothing_on_the_machine(expected, small, s3):
    s3.upload(small.parent / "data", "data")
    values = runs.values()
    for source in values["sources"]:
        source["path"] = s3.address(source["path"])
    values["output"]["path"], values["work"] = (
        s3.address("run"),
        {"path": s3.address("work"), "scratch": "scratch"},
    )
    recipe = runs.write_recipe(small.parent, values)
    first = runs.pack(recipe)
    keys = s3.keys("run/")
    found = {key.removeprefix("run/"): hashlib.sha256(s3.read(key)).hexdigest() for key in keys}
    assert expected.items() <= found.items()
    delete(s3, "run/")
    elsewhere = runs.pack(recipe, "work.scratch=other")
    assert (elsewhere.blocks_scanned, elsewhere.blocks_reused) == (0, first.blocks_scanned)
    assert s3.keys("run/") == keys
    assert clean(WorkingStore.of(load_recipe(recipe)), dry_run=True).kept == len(tasks_there(s3))
    assert runs.pack(recipe, "work.scratch=other").already_done


# What leaves the store


def said(capsys, *words):
    capsys.readouterr()
    code = command_line([str(word) for word in words])
    return code, capsys.readouterr()


def test_clean_says_before_and_after_what_goes(recipe, s3, capsys):
    packed(recipe, "first")
    packed(recipe, "second", "sources.0.name=other")
    there = s3.keys("work/blocks/")
    code, out = said(capsys, "clean", recipe, "--dry-run")
    assert (code, s3.keys("work/blocks/")) == (0, there)
    assert "0 B of 0 tasks would be removed" in out.out
    for path in (recipe.parent / "second").rglob(".octomed-run.json"):
        path.unlink()
    code, out = said(capsys, "clean", recipe)
    before, after = out.out.splitlines()
    assert before.startswith(f"`{s3.address('work')}`: ")
    assert " will be removed, " in before
    assert after == before.replace(" will be removed", " removed")
    kept = int(after.split()[-3])
    assert len(tasks_there(s3)) == kept
    _, _found = packed(recipe, "third", scratch="other")
    assert said(capsys, "clean", recipe, "--everything")[0] == 0
    assert s3.keys("work/blocks/") == []
    assert list(recipe.parent.glob("scratch/stores/*/blocks/*")) == []


def test_outputs_of_other_machines_keep_their_blocks(recipe, s3):
    packed(recipe, "first")
    working = WorkingStore.of(load_recipe(recipe))
    keys = sorted(tasks_there(s3))
    for path in recipe.parent.glob("first/.octomed-run.json"):
        path.unlink()
    register_run(working.states, "file://elsewhere/data/a%20run", keys[:1])
    cleaned = clean(working)
    assert (cleaned.kept, list(cleaned.tasks)) == (1, keys[1:])
    (note,) = cleaned.notes
    assert note.startswith("`/data/a run` on `elsewhere` is taken to be there: its blocks were kept")


def test_an_output_in_a_store_keeps_its_blocks_while_it_is_there(recipe, s3):
    packed(recipe, "first")
    working = WorkingStore.of(load_recipe(recipe))
    keys = sorted(tasks_there(s3))
    (recipe.parent / "first/.octomed-run.json").unlink()
    register_run(working.states, s3.address("run"), keys[:2])
    s3.write("run/.octomed-run.json", b"{}")
    assert clean(working, dry_run=True).kept == 2
    delete(s3, "run/.octomed-run.json")
    assert clean(working, dry_run=True).kept == 0


def test_a_lease_that_lives_keeps_clean_out_and_says_whose_it_is(recipe, capsys):
    packed(recipe, "first")
    working = WorkingStore.of(load_recipe(recipe))
    with working.remote.store.lock(exclusive=False, busy="busy"):
        code, out = said(capsys, "clean", recipe)
    assert code == 2
    assert f"a run is using `{working.address}`" in out.err
    assert f"process {os.getpid()} on `{socket.gethostname()}` holds it" in out.err
    assert "takes it over" in out.err
    assert said(capsys, "clean", recipe)[0] == 0


def test_a_lease_of_a_dead_process_is_taken_over_with_a_note(recipe, s3, capsys):
    packed(recipe, "first")
    dead = asdict(replace(Owner.of_this_process(60.0), started="1"))
    s3.write("work/.octomed.lock", json.dumps(dead).encode())
    code, out = said(capsys, "clean", recipe)
    assert code == 0
    assert f"note: the lease of process {os.getpid()} on `{socket.gethostname()}` was taken over" in out.out


def stored(s3):
    """Bytes of the blocks of each task there."""
    sizes = {}
    for page in (
        s3.client().get_paginator("list_objects_v2").paginate(Bucket=s3.bucket, Prefix="work/blocks/")
    ):
        for found in page.get("Contents", []):
            key = found["Key"].split("/")[2]
            sizes[key] = sizes.get(key, 0) + found["Size"]
    return sizes


@pytest.mark.parametrize("where", ["local", "address"])
def test_a_store_stays_below_its_size_and_the_least_recently_used_goes_first(small, s3, where, monkeypatch):
    address = where == "address"
    place = s3.address("work") if address else "store"
    options = (f"work.path={place}", "work.scratch=scratch")
    now = [time.time() - 10_000]
    monkeypatch.setattr(time, "time", lambda: now[0])
    for name in ("a", "b", "a2"):
        source = f"sources.0.name={name[0]}"
        runs.pack(small, f"output.path=out-{name}", source, "sources.1.name=c", "sources.2.name=d", *options)
        now[0] += 100
    working = WorkingStore.of(load_recipe(small, options))

    def sizes():
        if address:
            return stored(s3)
        blocks = working.folder / "blocks"
        return {path.name: sum(one.stat().st_size for one in path.iterdir()) for path in blocks.iterdir()}

    before = sizes()
    uses = {name: tasks_of(small.parent / f"out-{name}", working) for name in ("a", "b")}
    assert set(before) == uses["a"] | uses["b"]
    most = sum(before.values()) + 1
    summary = runs.pack(
        small, "output.path=out-e", "sources.0.name=e", "sources.1.name=c", "sources.2.name=d", *options,
        f"work.max_size={most}",
    )  # fmt: skip
    after = sizes()
    assert sum(after.values()) <= most
    assert summary.notes == []
    gone = set(before) - set(after)
    assert gone
    assert gone & uses["b"] - uses["a"]  # `a` was used after `b`
    small_one = runs.pack(small, "output.path=out-f", "sources.0.name=f", *options, "work.max_size=1kB")
    (note,) = {note for note in small_one.notes if "work.max_size" in note and str(place) in note}
    assert note.startswith("the blocks of this run take ")
    assert set(sizes()) == tasks_of(small.parent / "out-f", working)


def tasks_of(output, working):
    """Keys of the tasks that an output is registered with."""
    from octomed.pipeline.blocks.registry import entry_of
    from octomed.store_files import load_registered_run

    return set(load_registered_run(working.states, entry_of(working.registered(str(output)))).tasks)


def test_pieces_are_put_together(recipe, expected, monkeypatch):
    packed(recipe, "first")
    monkeypatch.setattr(remote_blocks, "_PIECE", 1000)
    again, found = packed(recipe, "second", scratch="other")
    assert (again.blocks_scanned, found) == (0, expected)


# What is excluded


@pytest.mark.parametrize("where", ["local", "address"])
@pytest.mark.parametrize("named", ["a trace", "a row"])
def test_what_is_excluded_is_purged_with_its_task(small, s3, capsys, where, named):
    options = [f"work.path={s3.address('work') if where == 'address' else 'store'}", "work.scratch=scratch"]
    runs.pack(small, *options)
    row = next(one for one in runs.provenance(small.parent / "out") if one["source"] == "chats")
    line = str(row["trace_id"]) if named == "a trace" else f"chats:{row['file']}:{row['row']}"
    (small.parent / "withdrawn.txt").write_text(f"{line}\n999\n")
    words = [word for one in [*options, "curate.exclude=withdrawn.txt"] for word in ("--set", one)]
    working = WorkingStore.of(load_recipe(small, options))
    held = {key: record.blocks[0].source for key, record in working.finished(all_keys(working)).items()}
    code, out = said(capsys, "clean", small, *words, "--purge", "--dry-run")
    assert code == 0, out.err
    assert all_keys(working) == set(held)
    code, out = said(capsys, "clean", small, *words, "--purge")
    assert code == 0, out.err
    gone = set(held) - all_keys(working)
    assert {held[key] for key in gone} == {"chats"}
    assert len(gone) == (1 if named == "a trace" else list(held.values()).count("chats"))
    assert f"{len(gone)} tasks that held what `curate.exclude` names are gone" in out.out
    again = runs.pack(small, *options, "output.path=again")
    assert again.blocks_scanned
    assert shards(runs.contents(small.parent / "again")) == shards(runs.contents(small.parent / "out"))


def all_keys(working):
    from octomed.pipeline.blocks.stored_tasks import stored_tasks

    return set(stored_tasks(working))


@pytest.mark.parametrize("by", [content_hash, lambda data: pixel_hash(decode(data))])
def test_named_images_of_the_web_are_purged(tmp_path, by):
    files = []
    for colour in ("red", "blue"):
        image = io.BytesIO()
        Image.new("RGB", (8, 8), colour).save(image, "png")
        files.append(image.getvalue())
    working = WorkingStore(tmp_path)
    for name, data in zip("ab", files, strict=True):
        working.local.put(f"fetched/{name}/{name}.image", data + bytes(32))
    working.local.put("fetched/c/c.image", b"no image" + bytes(32))
    excluded = Excluded([{"line": "list:1", "ids": [by(files[0])]}])
    register_run(working.states, str(tmp_path), ["0" * 32])
    (tmp_path / ".octomed-run.json").touch()
    assert clean(working, excluded=excluded).bytes == len(files[0]) + 32
    assert working.local.names("fetched/") == ["fetched/b/b.image", "fetched/c/c.image"]


def test_a_recipe_that_excludes_nothing_purges_nothing(small, capsys):
    runs.pack(small)
    code, out = said(capsys, "clean", small, "--purge")
    assert code == 2
    assert "the recipe excludes nothing that could be purged" in out.err
    assert "name lists in `curate.exclude`" in out.err


def test_a_store_that_is_not_there_ends_the_run_with_its_address(recipe, s3, capsys):
    code, out = said(capsys, "pack", recipe, "--set", f"work.path=s3://{s3.bucket}-none/work")
    assert code == 4
    assert f"s3://{s3.bucket}-none" in out.err
    assert "hint: " in out.err
