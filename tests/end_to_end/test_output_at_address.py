"""Runs into a store: the same bytes as in a folder, whatever stops them on the way."""

from __future__ import annotations

import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time

import octomed
import pytest
from octomed.cli.app import run as command_line
from octomed.errors import RecipeError, StorageError
from octomed.pipeline.output import uploads
from octomed.pipeline.output.targets import Target
from octomed.report.progress import LineProgress
from octomed.stores.client import ObjectStore, open_store
from streaming import StreamingDataset

from . import runs
from .test_resume import wait_until


def long(*values):
    """A case that `make test` leaves out."""
    return pytest.param(*values, marks=pytest.mark.long)


SAYS_WHOLE = ("index.json", "octomed.json")


ROWS = 60


@pytest.fixture
def small(tmp_path):
    """The recipe over fewer rows: a pack takes half a second."""
    runs.make_inputs(tmp_path, rows=ROWS)
    return runs.write_recipe(tmp_path, runs.values())


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """What the run is in a folder."""
    folder = tmp_path_factory.mktemp("local")
    runs.make_inputs(folder, rows=ROWS)
    process = runs.start(runs.write_recipe(folder, runs.values()), pause=0)
    process.communicate()
    assert process.returncode == 0
    return contents(folder / "out")


def contents(folder):
    """Digest of every file of a run, but for what says where it lies."""
    run = json.loads((folder / "octomed.json").read_text())
    run["recipe"]["output"].pop("path")
    run["recipe"]["output"].pop("copies", None)
    return runs.contents(folder) | {"octomed.json": {name: run[name] for name in run if name != "run"}}


def download(s3, folder, name="run"):
    """Bring all that is under a name of the bucket into a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for key in s3.keys(f"{name}/"):
        path = folder / key.removeprefix(f"{name}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.read(key))
    return folder


def at(s3, name="run"):
    return f"output.path={s3.address(name)}"


def is_as(local, s3, tmp_path, name="run"):
    got = download(s3, tmp_path / "got", name)
    assert contents(got) == local
    assert octomed.verify(got).findings == ()


def staged(small):
    """Files in staging folders, the lock aside."""
    folder = small.parent / "store/outputs"
    return [path.name for path in folder.glob("*/**/*") if path.is_file() and path.name != ".octomed.lock"]


def shards(s3, name="run"):
    return [key for key in s3.keys(f"{name}/") if "/shard." in key]


def is_taken_for_none(s3, tmp_path, name="run"):
    """See that neither octomed nor Streaming takes what is there for a whole run."""
    assert not [key for key in s3.keys(f"{name}/") if key.endswith(SAYS_WHOLE)]
    got = download(s3, tmp_path / "half", name)
    with pytest.raises(RecipeError, match="holds no finished run"):
        octomed.verify(got)
    stream = next(path.parent for path in got.glob("len-*/shard.*"))
    with pytest.raises((FileNotFoundError, RuntimeError)):
        StreamingDataset(local=str(stream), batch_size=1)


def test_every_object_is_the_file_of_a_local_run(small, s3, tmp_path, local):
    summary = runs.pack(small, at(s3))
    is_as(local, s3, tmp_path)
    files = [key for key in s3.keys("run/") if key.count("/") > 1 and not key.endswith("index.json")]
    assert summary.output == s3.address("run")
    assert summary.uploads["files"] == len(files)
    assert summary.uploads["targets"] == [s3.address("run")]
    assert f"uploaded                    {len(files)} files, " in str(summary)
    assert staged(small) == []
    again = runs.pack(small, at(s3))
    assert again.already_done
    assert again.uploads is None


@pytest.mark.parametrize("kills", [1, long(20)])
def test_a_run_killed_while_it_uploads_ends_with_the_same_bytes(small, s3, tmp_path, local, kills):
    draw = random.Random(7)
    for number in range(kills):
        name = f"run{number}"
        process = runs.start(small, "--set", at(s3, name))
        many = draw.randint(1, 20)
        wait_until(process, lambda name=name, many=many: len(shards(s3, name)) >= many)
        process.kill()
        process.communicate()
        before = len(shards(s3, name))
        if process.returncode == -signal.SIGKILL and not s3.keys(f"{name}/octomed.json"):
            is_taken_for_none(s3, tmp_path, name)
        if number % 2 == 0:  # the machine is another one, or its disk is gone
            shutil.rmtree(small.parent / "store/outputs")
        summary = runs.pack(small, at(s3, name))
        assert summary.already_done or summary.blocks_scanned == 0 or before == 0
        is_as(local, s3, tmp_path, name)
        assert staged(small) == []


def stop_after(patch, files):
    """Have every upload fail once so many files were put."""
    put, done = ObjectStore.put_file, []

    def put_file(self, name, path):
        if len(done) >= files:
            raise StorageError("the store is gone")
        done.append(name)
        return put(self, name, path)

    patch.setattr(ObjectStore, "put_file", put_file)


def stopped(small, s3, files=14):
    """Begin a run whose store goes away after so many files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "_LEAST_SECONDS_BETWEEN_NOTES", 0.0)
        patch.setattr(uploads, "_NOTES_SHARE", 0)
        stop_after(patch, files)
        with pytest.raises(StorageError, match="the store is gone"):
            runs.pack(small, at(s3))


@pytest.mark.parametrize("staging", ["kept", "lost"])
def test_what_was_uploaded_is_not_uploaded_again(small, s3, tmp_path, local, staging):
    stopped(small, s3)
    before = shards(s3)
    assert len(before) >= 7
    is_taken_for_none(s3, tmp_path)
    if staging == "lost":
        shutil.rmtree(small.parent / "store/outputs")
    summary = runs.pack(small, at(s3))
    is_as(local, s3, tmp_path)
    assert summary.shards_written < summary.shards  # what the manifest in the store notes is not made again
    assert summary.uploads["files"] <= len(local) - 4 - len(before)


def test_a_slow_store_slows_the_run_and_fills_no_disk(small, s3, tmp_path, local, monkeypatch):
    put, most = ObjectStore.put_file, []

    def put_file(self, name, path):
        time.sleep(0.03)
        most.append(len(staged(small)))
        return put(self, name, path)

    monkeypatch.setattr(ObjectStore, "put_file", put_file)
    monkeypatch.setattr(uploads, "MOST_WAITING", 3)
    shown = io.StringIO()
    summary = runs.pack(small, at(s3), progress=LineProgress(shown))
    assert max(most[:-8]) <= 3 + 2 + 2  # those of two workers, the manifest and a table
    assert "\nupload: " in shown.getvalue()
    assert " to go\nupload: done in " in shown.getvalue()
    assert summary.uploads["waited"] > 0
    assert "workers waited" in str(summary)
    is_as(local, s3, tmp_path)


def test_a_foreign_object_is_left_alone(small, s3):
    s3.write("run/notes.txt", b"mine")
    with pytest.raises(RecipeError, match=r"already holds `notes.txt`, and no manifest says"):
        runs.pack(small, at(s3))
    assert s3.keys() == ["run/notes.txt"]


def test_a_folder_marker_and_a_neighbour_are_no_foreign_files(small, s3, tmp_path, local):
    s3.write("run/", b"")
    s3.write("run2/notes.txt", b"mine")
    s3.write("runs", b"mine")
    runs.pack(small, at(s3))
    s3.client().delete_object(Bucket=s3.bucket, Key="run/")
    is_as(local, s3, tmp_path)
    assert {"run2/notes.txt", "runs"} < set(s3.keys())


def test_a_whole_bucket_is_an_output(small, s3, tmp_path, local):
    runs.pack(small, f"output.path=s3://{s3.bucket}")
    got = tmp_path / "got"
    for key in s3.client().list_objects_v2(Bucket=s3.bucket)["Contents"]:
        path = got / key["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.read(key["Key"]))
    assert contents(got) == local


@pytest.mark.parametrize("before", ["whole", "half"])
def test_another_run_is_replaced_when_that_is_asked_for(small, s3, tmp_path, local, before):
    other = [at(s3), "pack.seed=99", "pack.capacity=512", "pack.buckets=[256]"]
    if before == "whole":
        runs.pack(small, *other)
    else:
        with pytest.MonkeyPatch.context() as patch:
            stop_after(patch, 8)
            with pytest.raises(StorageError, match="the store is gone"):
                runs.pack(small, *other)
    there = s3.keys()
    with pytest.raises(RecipeError, match="holds a run of another recipe: `pack") as raised:
        runs.pack(small, at(s3))
    assert "deletes that run's files first" in raised.value.hint
    assert s3.keys() == there
    runs.pack(small, at(s3), replace=True)
    is_as(local, s3, tmp_path)


def test_what_says_that_a_run_is_whole_goes_first(small, s3, monkeypatch):
    runs.pack(small, at(s3), "pack.seed=99")
    delete, deleted = ObjectStore.delete, []
    monkeypatch.setattr(ObjectStore, "delete", lambda self, name: (deleted.append(name), delete(self, name)))
    runs.pack(small, at(s3), replace=True)
    assert deleted[0] == "octomed.json"
    assert {name.rpartition("/")[2] for name in deleted[1:4]} == {"index.json"}


def test_a_lost_object_is_made_again(small, s3, tmp_path, local):
    runs.pack(small, at(s3))
    s3.client().delete_object(Bucket=s3.bucket, Key=shards(s3)[3])
    s3.write(shards(s3)[5], b"short")
    summary = runs.pack(small, at(s3))
    assert summary.shards_written == 2
    assert any("missing or of another size, and made again" in note for note in summary.notes)
    is_as(local, s3, tmp_path)


@pytest.mark.parametrize(
    "what",
    ["damaged manifest", long("damaged run"), long("missing manifest"), "missing run"],
)
def test_a_state_file_that_does_not_read_is_made_again(small, s3, tmp_path, local, what):
    how, of = what.split()
    name = ".octomed-run.json" if of == "manifest" else "octomed.json"
    runs.pack(small, at(s3))
    if how == "missing":
        s3.client().delete_object(Bucket=s3.bucket, Key=f"run/{name}")
    else:
        s3.write(f"run/{name}", s3.read(f"run/{name}")[:-20])
    summary = runs.pack(small, at(s3))
    assert not summary.already_done
    assert summary.notes == [] or any("made again" in note for note in summary.notes)
    is_as(local, s3, tmp_path)


def test_ctrl_c_waits_for_no_store(small, s3, tmp_path, local):
    process = runs.start(small, "--set", at(s3), env={"OCTOMED_TEST_SLOW": "30"})
    wait_until(process, lambda: (small.parent / "store/outputs").exists() and len(staged(small)) > 3)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - begin < 3
    assert process.returncode == 130
    assert "interrupted" in said
    runs.pack(small, at(s3))
    is_as(local, s3, tmp_path)


def test_a_block_that_turns_out_damaged_is_made_again(small, s3, tmp_path, local):
    runs.pack(small, at(s3, "first"))
    for ids in sorted((small.parent / "store/blocks").glob("*/*.ids"))[:3]:
        runs.damage(ids)
    summary = runs.pack(small, at(s3))
    assert any("could not be read" in note for note in summary.notes)
    is_as(local, s3, tmp_path)


def test_another_machine_s_run_is_not_disturbed(small, s3):
    with (
        open_store(s3.address("run")).lock(exclusive=True, busy=""),
        pytest.raises(RecipeError, match=f"another run is writing to `{s3.address('run')}`"),
    ):
        runs.pack(small, at(s3))
    assert not s3.keys("run/")


@pytest.mark.parametrize("what", ["lease", "object"])
def test_a_run_that_lost_something_is_not_said_to_be_whole(small, s3, tmp_path, local, what):
    put, said = (
        ObjectStore.put_file,
        {"lease": "was not renewed in time", "object": "was uploaded, and is not"},
    )

    def put_and_lose(self, name, path):
        put(self, name, path)
        if name.startswith("provenance/"):
            self.delete(name)

    with pytest.MonkeyPatch.context() as patch:
        if what == "lease":
            patch.setattr(Target, "is_lost", property(lambda _: len(shards(s3)) > 5))
        else:
            patch.setattr(ObjectStore, "put_file", put_and_lose)
        with pytest.raises(StorageError, match=said[what]):
            runs.pack(small, at(s3))
    is_taken_for_none(s3, tmp_path)
    runs.pack(small, at(s3))
    is_as(local, s3, tmp_path)


def test_clean_asks_the_store_whether_the_run_is_there(small, s3):
    runs.pack(small, at(s3))
    for blocks in (True, False):
        code = command_line(["clean", str(small)])
        assert code == 0
        assert bool(list((small.parent / "store/blocks").glob("*/*.ids"))) is blocks
        for key in s3.keys("run/"):
            s3.client().delete_object(Bucket=s3.bucket, Key=key)


def test_a_local_run_loads_no_client_of_stores(small):
    script = (
        "import sys; from octomed.cli.app import run; code = run(sys.argv[1:]);"
        "clients = {'obstore', 'boto3', 'huggingface_hub', 'octomed.stores'};"
        "assert not clients & set(sys.modules); sys.exit(code)"
    )
    for verb in ("check", "pack"):
        subprocess.run([sys.executable, "-c", script, verb, str(small)], check=True, capture_output=True)
