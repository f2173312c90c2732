"""One flipped bit in any file of a run is found by `verify`, and so are missing and further files."""

from __future__ import annotations

import json
import os
import random
import shutil

import octomed
import pytest
from octomed.errors import OctomedError
from octomed.file_names import PAGES

from tests import state_files

from . import runs

FLIPS = max(200, int(os.environ.get("OCTOMED_CASES", "0")))
KINDS = {
    "compressed": [],
    "raw": ["output.compression=null"],
    "without hashes": ["output.compression=null", "output.hashes=[]"],
    "compressed, without hashes": ["output.hashes=[]"],
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Finished runs: compressed and raw, with and without digests in their indexes."""
    folder = tmp_path_factory.mktemp("runs")
    runs.make_inputs(folder, rows=12)
    with (folder / "data/questions/a.jsonl").open("ab") as file:
        file.writelines([b"{\n", b'{"question": "q", "responses": []}\n'])
    recipe = runs.write_recipe(folder, runs.values())
    for number, options in enumerate(KINDS.values()):
        tolerant = "sources.questions.max_unreadable=0.5"
        runs.pack(recipe, tolerant, "pack.buckets=[256]", f"output.path=out{number}", *options)
    return {name: folder / f"out{number}" for number, name in enumerate(KINDS)}


@pytest.fixture(params=KINDS)
def out(request, packed, tmp_path):
    """A run that a test may spoil."""
    shutil.copytree(packed[request.param], tmp_path / "out")
    return tmp_path / "out"


def files(out):
    """What a run promises: all but its lock, and the pages beside it."""
    others = {".octomed.lock", *PAGES}
    return sorted(path for path in out.rglob("*") if path.is_file() and path.name not in others)


def is_found(out, path, **options):
    """Whether `verify` names the file, or says what is wrong with `octomed.json`, where that is the file."""
    try:
        findings = octomed.verify(out, **options).findings
    except OctomedError as error:
        return path.name == "octomed.json" and error.exit_code in {2, 3, 4}
    name = str(path.relative_to(out))
    return any(finding.file == name or finding.file.endswith("*.parquet") for finding in findings)


def test_every_flipped_bit_is_found(packed):
    draw = random.Random(13)
    kinds = {}
    for number in range(FLIPS):
        out = packed[list(KINDS)[number % len(KINDS)]]
        path = draw.choice(files(out))
        whole = path.read_bytes()
        flipped = bytearray(whole)
        at = draw.randrange(len(whole))
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            assert is_found(out, path), f"byte {at} of {path}"
        finally:
            path.write_bytes(whole)
        kinds[path.parent.name if path.suffix == ".parquet" else path.name] = None
    assert {"provenance", "rejects", "octomed.json", ".octomed-run.json", "index.json"} <= kinds.keys()
    for out in packed.values():
        assert octomed.verify(out).findings == ()


def test_every_missing_file_and_every_other_size_is_found_quickly_too(out):
    for path in files(out):
        whole = path.read_bytes()
        for options in ({}, {"quick": True}):
            path.unlink()
            assert is_found(out, path, **options), path
            path.write_bytes(whole + b"x")
            assert is_found(out, path, **options), path
            path.write_bytes(whole)
    assert octomed.verify(out, quick=True).findings == ()


STRAYS = [
    "len-00256/shard.00099.mds",
    "len-00256/shard.00099.mds.zstd",
    "provenance/x.parquet",
    "rejects/x.parquet",
]


@pytest.mark.parametrize("name", STRAYS)
def test_a_file_that_is_none_of_the_run_is_found(out, name):
    path = out / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    assert is_found(out, path)
    assert is_found(out, path, quick=True)


@pytest.mark.parametrize("name", ["len-00256/mine.bin", "len-00256/deep/x", "rejects/x", "x", "x/y"])
def test_a_user_s_own_file_is_named_as_not_covered(out, name):
    path = out / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    verified = octomed.verify(out)
    assert verified.findings == ()
    assert sorted(verified.not_covered) == sorted([*PAGES, name if name != "x/y" else "x/"])


def test_links_that_lead_out_are_found_and_not_followed(out):
    outside = out.parent / "outside"
    outside.mkdir()
    for path in files(out):
        if path.name in {"octomed.json", ".octomed-run.json"}:
            continue
        moved = outside / path.name
        path.rename(moved)
        path.symlink_to(moved)
        assert is_found(out, path), path
        path.unlink()
        moved.rename(path)
    (out / "len-00256").rename(outside / "stream")
    (out / "len-00256").symlink_to(outside / "stream")
    assert "link that leads out" in str(octomed.verify(out).findings)


def test_what_is_unpacked_beside_a_shard_is_compared_with_it(out):
    raw = runs.unpack(out)
    if not raw:
        return
    assert octomed.verify(out).findings == ()
    runs.damage(raw[0])
    assert [finding.file for finding in octomed.verify(out).findings] == [str(raw[0].relative_to(out))]


def test_the_last_line_says_how_and_what_is_not_covered(out, capsys):
    for name in ("README.md", "report.html"):
        (out / name).write_text("mine")
    (out / "store").mkdir()
    for options, how in (([], "every byte was read"), (["--quick"], "names and sizes were compared")):
        assert runs.command_line(["verify", str(out), *options]) == 0
        said = capsys.readouterr().out
        assert f": all is well; {how}" in said
        assert said.endswith("; not covered: `README.md`, `report.html`, `store/`\n")


def test_a_quick_look_says_what_it_compared_and_no_zeros(out, capsys):
    assert runs.command_line(["verify", str(out), "--quick"]) == 0
    line = capsys.readouterr().out
    shards = len(list(out.glob("len-*/shard.*")))
    below = [path for path in files(out) if path.name not in {"octomed.json", ".octomed-run.json"}]
    assert (
        f"`: {len(below)} files, {shards} of them shards: all is well; names and sizes were compared" in line
    )
    assert " 0 " not in line
    assert "packs" not in line
    assert runs.command_line(["verify", str(out), "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["files"], found["shards"]) == (len(below), shards)
    assert (found["packs"], found["traces"], found["tokens"]) == (None, None, None)
    (out / ".octomed-run.json").unlink()
    assert runs.command_line(["verify", str(out), "--quick"]) == 3
    assert "`: no file could be compared: " in capsys.readouterr().out


def test_a_run_of_format_1_is_verified_as_it_was(out, capsys):
    state_files.as_format_1(out)
    assert runs.command_line(["verify", str(out)]) == 0
    assert "the run is of an earlier version and keeps no digests" in capsys.readouterr().out
    assert octomed.verify(out, quick=True).findings == ()
    shard = next(out.glob("len-*/shard.*"))
    shard.unlink()
    assert is_found(out, shard)
    assert is_found(out, shard, quick=True)


def test_a_finished_run_that_is_opened_again_is_not_written(packed):
    for number, (name, options) in enumerate(KINDS.items()):
        out = packed[name]
        before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files(out)}
        tolerant = "sources.questions.max_unreadable=0.5"
        recipe = out.parent / "recipe.yaml"
        again = runs.pack(recipe, tolerant, "pack.buckets=[256]", f"output.path=out{number}", *options)
        assert again.already_done
        assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files(out)} == before
