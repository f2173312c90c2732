"""What does not read does not stand: it is made again with a note, and the bytes are those of a fresh run."""

from __future__ import annotations

import json
import os
import shutil

import octomed
import pytest
from octomed import _octomed
from octomed.errors import StorageError
from octomed.report.progress import SilentProgress

from . import runs

OTHER = ["pack.seed=5", "output.path=other"]


def flipped(path):
    """Flip a bit in every sixteenth byte: a single one may lie in a duplicate, which nobody reads."""
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 16):
        data[at] ^= 1
    path.write_bytes(data)


def emptied(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def missing(path):
    path.unlink()


FAULTS = [flipped, emptied, cut, zeroed, missing]


@pytest.fixture
def packed(small):
    first = runs.pack(small)
    runs.pack(small, "pack.seed=5", "output.path=expected", "work.path=another")
    return small, first


def blocks(small, kind):
    return sorted((small.parent / "store/blocks").glob(f"*/*.{kind}"))


def assert_as_fresh(small):
    """But for the paths of the recipe, which `octomed.json` names."""
    found, expected = (runs.contents(small.parent / name) for name in ("other", "expected"))
    assert found.keys() == expected.keys()
    assert {name for name in found if found[name] != expected[name]} <= {"octomed.json"}
    assert octomed.verify(small.parent / "other").findings == ()


@pytest.mark.parametrize("kind", ["ids", "index"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("finished", [True, False], ids=["finished", "begun"])
def test_a_block_that_does_not_read(packed, kind, fault, finished):
    """In a task that stands, and in one that was killed."""
    small, first = packed
    victim = blocks(small, kind)[3]
    fault(victim)
    if not finished:
        (victim.parent / "task.json").unlink()
    again = runs.pack(small, *OTHER)
    assert_as_fresh(small)
    assert again.blocks_scanned == 1
    assert again.blocks_reused == first.blocks_scanned - 1
    silent = (
        not finished and fault is missing and kind == "index"
    )  # as a kill between the two files leaves it
    assert bool(again.notes) != silent
    if fault is flipped:
        assert f"block {victim.stem} of " in again.notes[0]
        assert "could not be read (" in again.notes[0]
        assert again.notes[0].endswith("and was made again")
    found = json.loads((small.parent / "other/octomed.json").read_text())
    assert found["run"]["made_again"] == again.notes
    assert runs.pack(small, "pack.seed=6", "output.path=third").notes == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_all_blocks_of_a_store(packed, fault):
    """A power cut takes many at once: they are looked at together, and made again in one pass."""
    small, first = packed
    for kind in ("ids", "index"):
        for path in blocks(small, kind):
            fault(path)
    stages = []

    class Seen(SilentProgress):
        def stage(self, name, *_):
            stages.append(name)

    again = runs.pack(small, *OTHER, progress=Seen())
    assert_as_fresh(small)
    assert again.blocks_scanned == first.blocks_scanned
    assert stages.count("scan") <= 2
    assert 0 < len(again.notes) < 20


@pytest.mark.parametrize("name", ["task.json", "runs"])
@pytest.mark.parametrize("fault", [emptied, cut, zeroed], ids=lambda fault: fault.__name__)
def test_a_record_of_the_store(packed, name, fault):
    small, _ = packed
    store = small.parent / "store"
    for path in store.glob("blocks/*/task.json" if name == "task.json" else "runs/*.json"):
        fault(path)
    again = runs.pack(small, *OTHER)
    assert_as_fresh(small)
    assert again.blocks_scanned == 0
    assert bool(again.notes) == (name == "task.json")


NAMES = [
    ".octomed-run.json",
    "octomed.json",
    "len-00512/index.json",
    "len-00256/shard.00001.mds.zstd",
    "provenance/len-00256-00000.parquet",
    "rejects/questions.parquet",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", [emptied, cut], ids=lambda fault: fault.__name__)
def test_a_file_of_the_output(packed, name, fault):
    """Files as an earlier version, which synced nothing, left them after a power cut."""
    small, _ = packed
    out = small.parent / "out"
    expected = runs.contents(out)
    fault(out / name)
    again = runs.pack(small)
    assert runs.contents(out) == expected
    assert octomed.verify(out).findings == ()
    assert len(again.notes) == 1
    assert runs.pack(small).already_done


STATE = ["octomed.json", ".octomed-run.json"]


def test_all_files_of_the_output(packed):
    small, _ = packed
    out = small.parent / "out"
    expected = runs.contents(out)
    for path in filter(os.path.isfile, out.rglob("*")):
        emptied(path)
    notes = runs.pack(small).notes
    assert [name for note in notes for name in STATE if name in note] == STATE
    assert runs.contents(out) == expected


def test_a_manifest_that_does_not_read_beside_a_users_file(packed, capsys):
    small, _ = packed
    out = small.parent / "out"
    (out / "mine.txt").write_text("mine")
    emptied(out / ".octomed-run.json")
    code, said = runs.fails(capsys, "pack", small)
    assert code == 4
    assert "move `mine.txt` away, which no run wrote" in said
    (out / "mine.txt").unlink()
    (out / "len-00256/mine.txt").write_text("mine")
    code, said = runs.fails(capsys, "pack", small)
    assert code == 4
    assert "move `len-00256` away, which no run wrote" in said


def test_a_manifest_that_does_not_read_of_another_run(packed, capsys):
    small, _ = packed
    emptied(small.parent / "out/.octomed-run.json")
    code, said = runs.fails(capsys, "pack", small, "--set", "pack.seed=5")
    assert code == 2
    assert "holds another run, and its manifest cannot be read" in said
    runs.pack(small, "pack.seed=5", replace=True)
    shutil.copytree(small.parent / "out", small.parent / "other")
    assert_as_fresh(small)


def test_a_disk_that_does_not_keep_what_is_written(packed, monkeypatch):
    """The same block twice ends the run: it would go on for ever."""
    small, _ = packed
    victim = blocks(small, "ids")[3]
    flipped(victim)
    made = _octomed.Layout

    def layout(*arguments, **options):
        if victim.exists() and victim.stat().st_size:
            emptied(victim)
        return made(*arguments, **options)

    monkeypatch.setattr(_octomed, "Layout", layout)
    with pytest.raises(
        StorageError, match="this run made the block again, and it cannot be read again"
    ) as found:
        runs.pack(small, *OTHER)
    assert "the disk does not keep what is written" in found.value.hint
    assert list((small.parent / "other").glob("*/shard.*")) == []
