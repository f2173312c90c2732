"""Who may read what is written, links that are not followed, and files that killed runs left."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from octomed.errors import StorageError
from octomed.report.progress import SilentProgress
from octomed.storage import atomic_file, locked, make_folder, write_atomically

from . import runs

MODES = {"owner": (0o600, 0o700), "group": (0o640, 0o750), "umask": (0o606, 0o707)}


@pytest.fixture(autouse=True)
def strange_umask():
    before = os.umask(0o070)
    yield
    os.umask(before)


def modes(*folders):
    found = [path for folder in folders for path in [folder, *folder.rglob("*")]]
    return (
        {path.stat().st_mode & 0o777 for path in found if path.is_file()},
        {path.stat().st_mode & 0o777 for path in found if path.is_dir()},
    )


@pytest.mark.parametrize("mode", MODES)
def test_files_and_folders_have_the_mode_that_was_asked_for(small, mode):
    runs.pack(small, f"output.mode={mode}", f"work.mode={mode}")
    files, folders = MODES[mode]
    assert modes(small.parent / "out", small.parent / "store") == ({files}, {folders})


def test_without_a_word_rows_are_for_their_owner_alone(small):
    runs.pack(small)
    assert modes(small.parent / "out", small.parent / "store") == ({0o600}, {0o700})


def test_temporary_files_too(small, monkeypatch):
    """Looked at when each is renamed; those that Rust makes are its own tests' matter."""
    seen = set()
    replace = os.replace

    def look(source, target, **options):
        seen.add(os.stat(source).st_mode & 0o777)
        return replace(source, target, **options)

    monkeypatch.setattr(os, "replace", look)
    runs.pack(small)
    assert seen == {0o600}


def test_another_mode_changes_no_byte_and_is_given_to_what_stands(small):
    runs.pack(small)
    before = runs.contents(small.parent / "out")
    again = runs.pack(small, "output.mode=group", "work.mode=group")
    assert (again.shards_written, again.blocks_scanned) == (0, 0)
    after = runs.contents(small.parent / "out")
    assert {name for name in before if before[name] != after[name]} == {"octomed.json"}
    assert modes(*(path for path in (small.parent / "out").iterdir() if path.is_dir())) == ({0o640}, {0o750})
    blocks = list((small.parent / "store/blocks").iterdir())
    assert modes(*blocks) == ({0o640}, {0o750})
    runs.pack(small, "output.mode=owner", "work.mode=owner")
    assert modes(*blocks) == ({0o600}, {0o700})
    assert next((small.parent / "out/len-00256").glob("shard.*")).stat().st_mode & 0o777 == 0o600


LINKED_FOLDERS = ["out/len-00256", "out/provenance", "out/rejects", "store/blocks", "store/runs"]


@pytest.mark.parametrize("name", LINKED_FOLDERS)
def test_a_folder_that_is_a_link_is_not_followed(small, capsys, name):
    theirs = small.parent / "theirs"
    theirs.mkdir()
    link = small.parent / name
    runs.pack(small)
    for path in (small.parent / "out").rglob("*.json"):
        path.unlink()
    (small.parent / "out/.octomed-run.json").unlink(missing_ok=True)
    for path in [small.parent / "out", small.parent / "store"]:
        subprocess.run(["rm", "-r", str(path)], check=True)
        path.mkdir()
    (small.parent / "out/.octomed-run.json").write_text('{"key": "0", "shards": {}, "files": {}}')
    link.symlink_to(theirs)
    code, said = runs.fails(capsys, "pack", small, "--replace")
    assert code == 4, said
    assert f"`{link}`" in said
    assert "there is a link, which is not followed" in said
    assert "hint: remove the link" in said
    assert list(theirs.iterdir()) == []
    link.unlink()
    assert runs.pack(small, replace=True).train > 0


LINKED_FILES = [
    "out/.octomed.lock",
    "out/octomed.json",
    "out/len-00256/shard.00001.mds.zstd",
    "out/len-00256/index.json",
    "out/provenance/len-00256-00000.parquet",
    "out/rejects/questions.parquet",
    "store/.octomed.lock",
]


@pytest.mark.parametrize("name", LINKED_FILES)
def test_a_file_that_is_a_link_is_not_followed(small, capsys, name):
    runs.pack(small)
    link, theirs = small.parent / name, small.parent / "theirs"
    theirs.write_text("theirs")
    link.unlink()
    link.symlink_to(theirs)
    code, said = runs.fails(capsys, "pack", small)
    assert code == 4, said
    assert f"cannot write `{link}`" in said or f"`{link}`: a link" in said
    assert "hint: remove the link" in said
    assert theirs.read_text() == "theirs"
    assert theirs.stat().st_mode & 0o777 == 0o606
    link.unlink()
    assert runs.pack(small).train > 0


def test_a_replacement_deletes_nothing_behind_a_link(small, capsys):
    runs.pack(small)
    stream = small.parent / "out/len-00256"
    theirs = stream.rename(small.parent / "theirs")
    stream.symlink_to(theirs)
    before = sorted(path.name for path in theirs.iterdir())
    code, said = runs.fails(capsys, "pack", small, "--replace", "--set", "pack.seed=5")
    assert code == 4, said
    assert "there is a link, which is not followed" in said
    assert sorted(path.name for path in theirs.iterdir()) == before


def test_the_folders_themselves_may_be_links(small):
    for name in ("out", "store"):
        (small.parent / f"real-{name}").mkdir()
        (small.parent / name).symlink_to(small.parent / f"real-{name}")
    assert runs.pack(small).train > 0


def leftovers(small):
    random = secrets.token_hex(8)
    task = next((small.parent / "store/blocks").iterdir())
    out = small.parent / "out"
    ours = [
        out / f".octomed.json.tmp-{random}",
        out / f"..octomed-run.json.tmp-{random}",
        out / ".octomed-run.json.tmp-4194305",
        out / f"len-00256/.shard.00001.mds.zstd.tmp-{random}",
        out / "len-00256/shard.00001.mds.zstd.tmp",
        out / f"len-00256/.index.json.tmp-{random}",
        out / f"provenance/.len-00256-00000.parquet.tmp-{random}",
        out / "provenance/len-00256-00000.parquet.tmp",
        out / f"rejects/.questions.parquet.tmp-{random}",
        task / f".0.ids.tmp-{random}",
        task / "0.index.tmp-4194305-7",
        task / f".task.json.tmp-{random}",
    ]
    theirs = [
        out / "mine.tmp",
        out / "len-00256/notes.txt.tmp",
        out / f"len-00256/.notes.tmp-{random}",
        out / "len-00256/shard.00001.mds.zstd.tmp-x",
        task / "0.ids.tmpfile",
        task / f".0.ids.tmp-{os.getpid()}",
    ]
    for path in [*ours, *theirs]:
        path.write_text("half")
    return ours, theirs


@pytest.mark.parametrize("by", ["pack", "replace", "clean"])
def test_what_killed_runs_left_is_removed_and_nothing_else(small, capsys, by):
    runs.pack(small)
    ours, theirs = leftovers(small)
    if by == "clean":
        assert runs.fails(capsys, "clean", small)[0] == 0
        ours = [path for path in ours if "store" in path.parts]
    else:
        runs.pack(small, *(["pack.seed=5"] if by == "replace" else []), replace=by == "replace")
    assert [path for path in ours if path.exists()] == []
    assert [path for path in theirs if not path.exists()] == []


def test_what_a_living_run_writes_is_left_alone(small):
    runs.pack(small)
    task = next((small.parent / "store/blocks").iterdir())
    with atomic_file(task / "0.ids") as file:
        file.write((task / "0.ids").read_bytes())
        runs.pack(small, "pack.seed=5", "output.path=other")
        assert len(list(task.glob(".0.ids.tmp-*"))) == 1
    assert list(task.glob(".0.ids.tmp-*")) == []


class Held(SilentProgress):
    """Holds a run at the beginning of its writing until it is let go."""

    def __init__(self):
        self.there, self.go = threading.Event(), threading.Event()

    def stage(self, name, *_):
        if name == "write":
            self.there.set()
            assert self.go.wait(600)


def test_a_run_that_keeps_nothing_beside_one_that_reads_the_same_blocks(small, capsys):
    held = Held()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(runs.pack, small, "pack.seed=5", "output.path=other", progress=held)
        try:
            assert held.there.wait(600)
            done = runs.pack(small, "work.keep=false")
        finally:
            held.go.set()
        assert "the blocks were kept, and `octomed clean` removes them" in done.notes[-1]
        assert reading.result().train == done.train
    assert list((small.parent / "store").glob("blocks/*/*.ids"))
    assert runs.pack(small, "pack.seed=6", "output.path=third", "work.keep=false").blocks_scanned == 0
    (small.parent / "other/.octomed-run.json").unlink()
    assert runs.fails(capsys, "clean", small)[0] == 0
    assert list((small.parent / "store").glob("blocks/*")) == []


def test_a_run_that_keeps_nothing_leaves_what_others_registered(small):
    runs.pack(small, "pack.seed=5", "output.path=other")
    done = runs.pack(small, "work.keep=false")
    assert "other outputs use the blocks" in done.notes[-1]
    again = runs.pack(small, "pack.seed=6", "output.path=other", replace=True)
    assert again.blocks_scanned == 0


def test_two_runs_that_keep_nothing_end_well_together(small):
    """Many times over, in processes of their own: neither reads what the other deletes."""
    for number in range(3):
        pair = [
            runs.start(
                small, "--set", f"pack.seed={seed}", "--set", f"output.path=o{number}{seed}",
                "--set", "work.keep=false", pause=0,
            )
            for seed in (1, 2)
        ]  # fmt: skip
        ends = [process.communicate(timeout=600) for process in pair]
        assert [process.returncode for process in pair] == [0, 0], ends


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(TypeError), atomic_file(tmp_path / "a") as file:
        file.write("no bytes")
    with pytest.raises(StorageError, match="cannot write"):
        write_atomically(tmp_path / "missing/a", b"")
    assert list(tmp_path.iterdir()) == []
    long = "n" * 255
    write_atomically(tmp_path / long, b"whole")
    assert [path.name for path in tmp_path.iterdir()] == [long]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "a").mkdir(mode=0o755)
    before = (tmp_path / "a").stat().st_mode
    make_folder(tmp_path / "a/b/c", "owner")
    assert (tmp_path / "a").stat().st_mode == before
    assert (tmp_path / "a/b/c").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="the name shows in /proc")
def test_temporary_names_cannot_be_guessed(tmp_path):
    names = set()
    for _ in range(50):
        with atomic_file(tmp_path / "a"):
            names |= {path.name for path in tmp_path.glob(".a.tmp-*")}
    assert len(names) == 50
    assert len({name[7:10] for name in names}) > 20


@pytest.mark.parametrize("mode", ["owner", "group"])
def test_a_umask_that_takes_all_takes_nothing_of_what_was_asked_for(tmp_path, mode):
    os.umask(0o777)
    make_folder(tmp_path / "out", mode)
    write_atomically(tmp_path / "out/a", b"", mode=mode)
    with locked(tmp_path / "out/lock", exclusive=True, busy="", mode=mode):
        assert modes(tmp_path / "out") == tuple({one} for one in MODES[mode])
