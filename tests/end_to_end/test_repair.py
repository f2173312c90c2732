"""`octomed verify --repair`: what is damaged is made again to the same bytes, and nothing else is touched."""

from __future__ import annotations

import json
import os
import random
import shutil
import time

import octomed
import pytest
from octomed import _octomed
from octomed.cli.app import run as command_line
from octomed.errors import DataError, OctomedError, RecipeError, StorageError
from octomed.file_names import PAGES
from octomed.pipeline.calls import work
from octomed.pipeline.inputs import tasks
from octomed.pipeline.inputs.read import blocks_of
from octomed.store import LocalStore

from tests import state_files

from . import runs

SHARD = "len-00256/shard.00000.mds.zstd"
CASES = max(6, int(os.environ.get("OCTOMED_CASES", "0")))
MANIFEST = ".octomed-run.json"
NAMES = [
    SHARD,
    "len-00512/index.json",
    "provenance/len-00256-00000.parquet",
    "rejects/questions.parquet",
    "octomed.json",
    MANIFEST,
]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A finished run whose inputs, model and store stay where they are."""
    folder = tmp_path_factory.mktemp("run")
    runs.make_inputs(folder, rows=60)
    with (folder / "data/questions/a.jsonl").open("ab") as file:
        file.writelines([b"{\n", b'{"question": "q", "responses": []}\n'])
    recipe = runs.write_recipe(folder, runs.values())
    with pytest.MonkeyPatch.context() as patch:  # as `small_blocks` does for each test
        patch.setitem(blocks_of.__kwdefaults__, "target", runs.BLOCK_BYTES)
        patch.setattr(tasks, "JSON_TASK_BYTES", runs.TASK_BYTES)
        patch.setattr(tasks, "PARQUET_TASK_BYTES", runs.TASK_BYTES)
        runs.pack(recipe, "sources.questions.max_unreadable=0.5")
    return folder


@pytest.fixture
def folder(packed, tmp_path):
    """The same elsewhere: the times of the files and what the run says of its recipe's folder go with it."""
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    command = f"octomed pack {tmp_path / 'recipe.yaml'} --set sources.questions.max_unreadable=0.5"
    manifest = tmp_path / "out" / MANIFEST
    state_files.change(manifest, lambda one: one["about"].update(command=command))
    here = {"recipe_folder": str(tmp_path), "manifest": _octomed.digest(manifest.read_bytes())}
    state_files.change(tmp_path / "out/octomed.json", lambda run: run["run"].update(here))
    return tmp_path


def bytes_of(out):
    """Every byte that a run promises, and when each file was written."""
    return {
        str(path.relative_to(out)): (path.read_bytes(), path.stat().st_ino)
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in {".octomed.lock", *PAGES}
    }


def only_bytes(found):
    return {name: data for name, (data, _) in found.items()}


def repaired(out, **options):
    verified = octomed.verify(out, repair=True, **options)
    assert verified.findings == (), verified
    assert not (out / ".octomed-repair").exists()
    return verified.repaired


def flipped(path):
    runs.damage(path)


def missing(path):
    path.unlink()


def emptied(path):
    path.write_bytes(b"")


def longer(path):
    path.write_bytes(path.read_bytes() + b"x")


FAULTS = [flipped, missing, emptied, longer]


@pytest.mark.parametrize("name", NAMES[:4])
@pytest.mark.parametrize(
    ("fault", "without"),
    [*((fault, "nothing") for fault in FAULTS), (flipped, "sources"), (missing, "store")],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_file_is_made_again_to_the_same_bytes(folder, name, fault, without):
    out = folder / "out"
    before = bytes_of(out)
    fault(out / name)
    if without != "nothing":
        shutil.rmtree(folder / {"sources": "data", "store": "store"}[without])
    done = repaired(out)
    after = bytes_of(out)
    assert only_bytes(after) == only_bytes(before)
    assert {one for one in before if before[one][1] != after[one][1]} <= {name}
    assert done.rebuilt == (name,)
    assert bool(done.blocks_scanned) == (without == "store" and not name.endswith("index.json"))
    assert octomed.verify(out).findings == ()


def test_a_sound_run_is_not_touched(folder):
    before = bytes_of(folder / "out")
    assert repaired(folder / "out").rebuilt == ()
    assert bytes_of(folder / "out") == before


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_manifest_is_made_again(folder, fault):
    """Shards are believed by the digests in their indexes; tables are made again and compared."""
    out = folder / "out"
    before = bytes_of(out)
    fault(out / MANIFEST)
    runs.damage(out / SHARD)
    (out / NAMES[3]).unlink()
    done = repaired(out)
    after = bytes_of(out)
    assert only_bytes(after) == only_bytes(before)
    assert set(done.rebuilt) == {SHARD, NAMES[3], MANIFEST}
    assert {name for name in before if before[name][1] != after[name][1]} == set(done.rebuilt)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_run_file_is_made_again(folder, fault):
    out = folder / "out"
    expected = runs.contents(out)
    before = bytes_of(out)
    fault(out / "octomed.json")
    runs.damage(out / SHARD)
    done = repaired(out)
    assert set(done.rebuilt) == {SHARD, "octomed.json"}
    assert runs.contents(out) == expected
    after = bytes_of(out)
    assert {name for name in before if before[name] != after[name]} <= {"octomed.json", SHARD}
    assert after[SHARD][0] == before[SHARD][0]


def test_a_run_file_that_was_written_otherwise_is_written_as_it_was(folder):
    """A blank between two keys breaks no digest of content."""
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    for name in ("octomed.json", MANIFEST):
        (out / name).write_text((out / name).read_text() + "\n")
        assert octomed.verify(out).findings
        assert repaired(out).rebuilt == (name,)
        assert only_bytes(bytes_of(out)) == before


def test_every_file_at_once_but_the_state_files(folder):
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    for path in filter(os.path.isfile, sorted(out.rglob("*"))):
        if path.name not in {"octomed.json", MANIFEST, ".octomed.lock"}:
            emptied(path)
    done = repaired(out)
    assert only_bytes(bytes_of(out)) == before
    assert len(done.rebuilt) == len(before) - 2


def test_both_state_files_are_too_much(folder):
    for name in ("octomed.json", MANIFEST):
        emptied(folder / "out" / name)
    before = bytes_of(folder / "out")
    with pytest.raises(StorageError, match=r"neither `octomed\.json` nor") as caught:
        octomed.verify(folder / "out", repair=True)
    assert "octomed pack RECIPE" in caught.value.hint
    assert bytes_of(folder / "out") == before


def test_a_changed_input_is_refused_by_name_once_its_blocks_are_lost(folder):
    out = folder / "out"
    missing(out / SHARD)
    path = folder / "data/questions/b.jsonl"
    whole, times = path.read_bytes(), path.stat()
    path.write_bytes(whole.replace(b"fever", b"FEVER", 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    before = bytes_of(out)
    shutil.copytree(folder / "store", folder / "kept")
    shutil.rmtree(folder / "store")
    for gone in (False, True):
        if gone:
            path.unlink()
        with pytest.raises(DataError, match=r"questions/b\.jsonl|b\.jsonl") as caught:
            octomed.verify(out, repair=True)
        assert ("gone" if gone else "changed") in caught.value.message
        assert bytes_of(out) == before
    (folder / "kept").rename(folder / "store")
    assert repaired(out).rebuilt == (SHARD,)


def test_another_time_alone_is_no_change_and_its_blocks_do_not_stay(folder):
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    missing(out / SHARD)
    shutil.rmtree(folder / "store")
    for path in filter(os.path.isfile, (folder / "data").rglob("*")):
        os.utime(path)
    assert repaired(out).blocks_scanned
    assert only_bytes(bytes_of(out)) == before
    assert list((folder / "store").glob("blocks/*/task.json")) == []


@pytest.mark.parametrize("kind", ["ids", "index"])
@pytest.mark.parametrize("here", [True, False])
def test_a_block_that_does_not_read_is_scanned_again_or_its_source_is_named(folder, kind, here):
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    for path in out.glob("len-*/shard.*"):
        missing(path)
    victim = min((folder / "store/blocks").glob(f"*/*.{kind}"))
    runs.damage(victim) if kind == "index" else victim.write_bytes(bytes(victim.stat().st_size))
    if here:
        done = repaired(out)
        assert done.blocks_scanned == 1
        assert "could not be read" in done.notes[0]
        assert only_bytes(bytes_of(out)) == before
        return
    shutil.rmtree(folder / "data")
    with pytest.raises(DataError, match="gone"):
        octomed.verify(out, repair=True)
    assert victim.exists()


def test_a_run_that_moved_takes_its_recipe_by_hand(folder, tmp_path_factory, capsys):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(folder, elsewhere)
    shutil.rmtree(elsewhere / "store")
    for path in list(folder.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    out = elsewhere / "out"
    before = only_bytes(bytes_of(out))
    missing(out / SHARD)
    code, said = runs.fails(capsys, "verify", out, "--repair")
    assert code in {2, 3}, said
    words = ["verify", str(out), "--repair", "--recipe", str(elsewhere / "recipe.yaml"), "--json"]
    assert command_line(words) == 0
    assert json.loads(capsys.readouterr().out)["repaired"]["rebuilt"] == [SHARD]
    assert only_bytes(bytes_of(out)) == before


def test_a_mapping_of_the_recipe_s_own_is_read_out_of_the_run_file(tmp_path):
    """There it has a null for each key that was left out."""
    runs.write_lines(tmp_path / "data/a.jsonl", [{"q": f"{n}?", "a": f"because {n}"} for n in range(20)])
    recipe = runs.write_recipe(tmp_path, runs.one_source("data", {"question": "q", "response": "a"}))
    runs.pack(recipe)
    out = tmp_path / "out"
    shard = next(out.glob("len-*/shard.*"))
    before = shard.read_bytes()
    shard.unlink()
    shutil.rmtree(tmp_path / "store")
    recipe.unlink()
    assert repaired(out).blocks_scanned == 1
    assert shard.read_bytes() == before


def test_a_run_that_keeps_no_blocks_is_made_again_from_its_sources_and_keeps_none(tmp_path):
    runs.write_lines(tmp_path / "data/a.jsonl", runs.question_rows(1, 20))
    values = runs.one_source("data/*.jsonl")
    values["work"]["keep"] = False
    runs.pack(runs.write_recipe(tmp_path, values))
    out = tmp_path / "out"
    before = only_bytes(bytes_of(out))
    missing(next(out.glob("len-*/shard.*")))
    assert repaired(out).blocks_scanned
    assert only_bytes(bytes_of(out)) == before
    assert not list((tmp_path / "store").glob("blocks/*/*"))


def test_another_recipe_is_refused(folder):
    missing(folder / "out" / SHARD)
    values = runs.values()
    values["pack"]["seed"] = 4
    (folder / "other.yaml").write_text(json.dumps(values))
    before = bytes_of(folder / "out")
    with pytest.raises(RecipeError, match=r"`pack\.seed` 3 → 4"):
        octomed.verify(folder / "out", repair=True, recipe=folder / "other.yaml")
    assert bytes_of(folder / "out") == before
    with pytest.raises(RecipeError, match="is for `repair=True`"):
        octomed.verify(folder / "out", recipe=folder / "other.yaml")


def test_what_it_did_is_said(folder, capsys):
    out = folder / "out"
    runs.damage(out / SHARD)
    (out / "mine.txt").write_text("mine")
    assert command_line(["verify", str(out), "--repair"]) == 0
    said = capsys.readouterr().out.splitlines()
    beside = "`README.md`, `mine.txt`, `report.html`"
    assert said == [
        f"{SHARD}: made again",
        f"`{out}`: 1 files made again, no source was read: all is well; not covered: {beside}",
    ]
    code, said = runs.fails(capsys, "verify", out, "--recipe", folder / "recipe.yaml")
    assert (code, "`--recipe` is for `--repair`" in said) == (2, True)


def test_an_index_with_another_digest_of_a_sound_shard(folder):
    """The shard is named, for it is not what its index says; the index alone is made again."""
    out = folder / "out"
    path = out / "len-00256/index.json"
    before = path.read_text()
    digest = json.loads(before)["shards"][0]["zip_data"]["hashes"]["xxh3_64"]
    path.write_text(before.replace(digest, digest[::-1]))
    assert {one.file for one in octomed.verify(out).findings} == {SHARD, "len-00256/index.json"}
    assert repaired(out).rebuilt == ("len-00256/index.json",)
    assert path.read_text() == before


def test_what_is_none_of_the_run_stays_and_is_left(folder, capsys):
    out = folder / "out"
    runs.damage(out / SHARD)
    (out / "len-00256/shard.00099.mds.zstd").write_text("x")
    assert command_line(["verify", str(out), "--repair"]) == 3
    said = capsys.readouterr()
    assert f"{SHARD}: made again" in said.out
    assert "1 problems left" in said.out
    assert (out / "len-00256/shard.00099.mds.zstd").read_text() == "x"


def test_what_streaming_unpacked_of_a_shard_goes_with_it(folder):
    out = folder / "out"
    raw = runs.unpack(out)
    runs.damage(raw[0])
    assert repaired(out).removed == (str(raw[0].relative_to(out)),)
    runs.damage(out / f"{raw[1].relative_to(out)}.zstd")
    done = repaired(out)
    assert done.rebuilt == (f"{raw[1].relative_to(out)}.zstd",)
    assert done.removed == (str(raw[1].relative_to(out)),)
    assert raw[2].exists()


def test_other_bytes_than_the_digest_says_are_not_put_in(folder, monkeypatch):
    """An octomed or a library that writes otherwise: what is there stays, sound or not."""
    out = folder / "out"
    runs.damage(out / NAMES[2])
    before = bytes_of(out)

    def other(store, name, *_):
        with store.writing(name) as file:
            file.write(b"another writer")

    monkeypatch.setattr(work, "write_parquet", other)
    verified = octomed.verify(out, repair=True)
    assert [finding.file for finding in verified.findings] == [NAMES[2]]
    assert "not what its digest says" in verified.findings[0].what
    assert bytes_of(out) == before


def test_a_run_that_is_written_is_not_repaired(folder):
    missing(folder / "out" / SHARD)
    with (
        LocalStore(folder / "out").lock(exclusive=True, busy=""),
        pytest.raises(RecipeError, match="a run is writing"),
    ):
        octomed.verify(folder / "out", repair=True)


def test_an_unfinished_run_is_not_repaired(folder, capsys):
    out = folder / "out"
    (out / "octomed.json").unlink()
    state_files.change(out / MANIFEST, lambda one: one["files"].clear())
    code, said = runs.fails(capsys, "verify", out, "--repair")
    assert (code, "holds no finished run" in said) == (2, True)
    code, said = runs.fails(capsys, "verify", folder / "nowhere", "--repair")
    assert code == 2


def test_links_are_not_followed(folder):
    out = folder / "out"
    (folder / "outside").mkdir()
    missing(out / SHARD)
    (out / SHARD).symlink_to(folder / "outside/x")
    repaired(out)
    assert not list((folder / "outside").iterdir())
    (out / "len-00256").rename(folder / "outside/stream")
    (out / "len-00256").symlink_to(folder / "outside/stream")
    before = only_bytes(bytes_of(folder / "outside"))
    with pytest.raises(OctomedError, match="link"):
        octomed.verify(out, repair=True)
    assert only_bytes(bytes_of(folder / "outside")) == before


def test_a_run_without_digests_is_made_whole(folder):
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    state_files.as_format_1(out)
    runs.damage(out / SHARD)
    done = repaired(out)
    assert {SHARD, MANIFEST, "octomed.json"} == set(done.rebuilt)
    after = only_bytes(bytes_of(out))
    assert {name for name in before if after[name] != before[name]} <= {MANIFEST, "octomed.json"}
    assert octomed.verify(out).has_digests


def test_a_run_that_does_not_say_what_it_was_planned_from_needs_its_sources(folder):
    out = folder / "out"
    state_files.change(out / "octomed.json", lambda run: run["run"].pop("planned"))
    before = only_bytes(bytes_of(out))
    missing(out / SHARD)
    assert repaired(out).blocks_scanned == 0
    assert only_bytes(bytes_of(out)) == before
    missing(out / SHARD)
    with (folder / "data/questions/b.jsonl").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(DataError, match=r"over other inputs: `questions/b\.jsonl` changed"):
        octomed.verify(out, repair=True)


def test_a_kill_in_the_middle_and_again(folder):
    """Whatever was put in place stays, and what was not is made again."""
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    draw = random.Random(5)
    names = [name for name in before if name not in {"octomed.json", MANIFEST}]
    shutil.rmtree(folder / "store")
    for name in names:
        missing(out / name)
    for _ in range(2):
        begun = runs.start_verb("verify", str(out), "--repair", "--workers", "1")
        end = time.monotonic() + draw.uniform(1, 3)
        while time.monotonic() < end and begun.poll() is None and not any(out.glob("len-*/shard.*")):
            time.sleep(0.01)
        begun.kill()
        begun.communicate()
        found = only_bytes(bytes_of(out))
        assert {
            name: data for name, data in found.items() if not name.startswith(".octomed-repair")
        }.items() <= before.items()
    repaired(out)
    assert only_bytes(bytes_of(out)) == before


def test_random_damage_is_repaired(folder):
    """Some files at once, each in another way; now and then a part of the store is damaged as well."""
    out = folder / "out"
    before = only_bytes(bytes_of(out))
    draw = random.Random(18)
    names = [name for name in before if name not in {"octomed.json", MANIFEST}]
    for number in range(CASES):
        victims = draw.sample(names, draw.randint(1, 4))
        for name in victims:
            draw.choice(FAULTS)(out / name)
        if number % 3 == 0:
            stored = [
                path for path in (folder / "store").rglob("*") if path.is_file() and path.stat().st_size
            ]
            runs.damage(draw.choice(stored))
        done = repaired(out)
        assert set(done.rebuilt) == set(victims)
        assert only_bytes(bytes_of(out)) == before
