"""Runs and stores of earlier versions, kept as they were written: read, or refused by version and command."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import octomed
import pytest
from octomed import _octomed
from octomed.pipeline.finished.inspect_run import inspect_run
from octomed.pipeline.finished.verify import verify
from octomed.recipe import load_recipe

from tests import state_files

from . import runs

KEPT = sorted((Path(__file__).parents[1] / "data/runs").glob("*.tar.xz"))
WHERE_THEY_WERE = "/data/kept/of/before"


def test_there_is_one_of_each_version():
    kept = [tuple(map(int, path.name.removesuffix(".tar.xz").split("-")[1::2])) for path in KEPT]
    scans, writes = {scan for scan, _ in kept}, {write for _, write in kept}
    assert scans >= set(range(1, _octomed.SCAN_VERSION)), "keep a run of the version before, see its README"
    assert writes >= set(range(1, _octomed.WRITE_VERSION + 1))


@pytest.fixture(params=KEPT, ids=lambda path: path.name.removesuffix(".tar.xz"))
def kept(request, tmp_path):
    """The folder of a kept run: recipe, data, store and output."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    for path in tmp_path.rglob("*.json"):
        if WHERE_THEY_WERE in (text := path.read_text()):
            state_files.write(path, json.loads(text.replace(WHERE_THEY_WERE, str(tmp_path))))
    manifest, run_file = tmp_path / "run/.octomed-run.json", tmp_path / "run/octomed.json"
    if "digest" in json.loads(manifest.read_text()):
        _, digest = _octomed.file_digest(str(manifest))
        state_files.change(run_file, lambda value: value["run"].update(manifest=digest))
    else:
        size = run_file.stat().st_size
        state_files.change(manifest, lambda value: value["files"].update({"octomed.json": size}))
    return tmp_path


def said_version(folder):
    return json.loads((folder / "run/octomed.json").read_text())["versions"]


def test_verify_finds_it_whole(kept):
    verified = verify(kept / "run")
    assert verified.findings == ()
    assert (verified.traces, verified.packs) == (8, 4)


def test_verify_finds_what_is_wrong(kept):
    runs.damage(kept / "run/len-00064/shard.00000.mds.zstd")
    assert verify(kept / "run").findings


def test_inspect_shows_it(kept, capsys):
    view = inspect_run(kept / "run")
    assert (view.rows, view.traces, view.packs) == (5, 8, 4)
    assert runs.command_line(["inspect", str(kept / "run")]) == 0
    assert "len-00064" in capsys.readouterr().out


def test_rejects_are_listed(kept, capsys):
    assert runs.command_line(["rejects", str(kept / "run")]) == 0
    assert "no_response" in capsys.readouterr().out


def test_rejects_with_their_text_are_read_from_the_inputs_or_refused_by_name(kept, capsys):
    code = runs.command_line(["rejects", str(kept / "run"), "--show-text"])
    captured = capsys.readouterr()
    assert (code == 0 and "A row without a response" in captured.out) or (
        code == 2 and "hint" in captured.err
    )


def test_training_reads_it(kept, tmp_path):
    stream = pytest.importorskip("octomed.stream")
    data = stream.PackedDataset(kept / "run", cache=tmp_path / "cache", batch_size=1)
    assert sum(len(pack["lengths"]) for pack in data) == 8


def test_a_pack_over_it_is_refused_by_version_and_command(kept, capsys):
    before = runs.contents(kept / "run")
    code, said = runs.fails(capsys, "pack", kept / "recipe.yaml")
    assert code == 2
    assert "holds a run of the same recipe, but of another octomed" in said
    assert f"version of `scan` {said_version(kept)['scan']} → {_octomed.SCAN_VERSION}" in said
    assert f"octomed pack {kept / 'recipe.yaml'} --replace" in said
    assert runs.contents(kept / "run") == before


def test_a_pack_over_one_that_did_not_end_is_refused_too(kept, capsys):
    """A run that an earlier version began and did not finish has a manifest, which may say little."""
    (kept / "run/octomed.json").unlink()
    code, said = runs.fails(capsys, "pack", kept / "recipe.yaml")
    assert code == 2
    assert "another octomed" in said
    assert f"octomed pack {kept / 'recipe.yaml'} --replace" in said


def fresh(kept):
    """What this version makes of the inputs."""
    recipe = kept / "recipe.yaml"
    runs.pack(recipe, "output.path=fresh", "work.path=fresh-store")
    return shards(kept / "fresh")


def shards(folder):
    return {name: digest for name, digest in runs.contents(folder).items() if name != "octomed.json"}


def test_with_replace_it_is_packed_anew(kept):
    runs.pack(kept / "recipe.yaml", replace=True)
    assert shards(kept / "run") == fresh(kept)
    assert verify(kept / "run").findings == ()


def test_its_store_serves_another_output(kept):
    summary = runs.pack(kept / "recipe.yaml", "output.path=another")
    assert summary.blocks_reused == 0
    assert shards(kept / "another") == fresh(kept)


def test_its_store_may_be_cleaned(kept):
    recipe = load_recipe(kept / "recipe.yaml")
    runs.pack(kept / "recipe.yaml", "output.path=another")
    shutil.rmtree(kept / "run")
    assert runs.command_line(["clean", str(recipe.file)]) == 0
    assert not list((kept / "store").glob("runs/54d95*"))
    assert octomed.pack(load_recipe(kept / "recipe.yaml", ["output.path=another"])).blocks_scanned in (0, 1)
