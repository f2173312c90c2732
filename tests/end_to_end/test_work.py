"""Work runs anywhere: of a pickled specification, in a fresh process, it leaves the bytes of a run."""

from __future__ import annotations

import json
import pickle
import shutil
from contextlib import contextmanager
from dataclasses import replace

import octomed
import pytest
from octomed.commands import speaking_python
from octomed.errors import DamagedBlock, DataError, RecipeError, StorageError
from octomed.pipeline.calls.work import scan_task, write_range
from octomed.pipeline.planning.plan import plan
from octomed.pipeline.planning.run_spec import run_spec
from octomed.pipeline.threads.executor import Threads
from octomed.pipeline.threads.kept import Kept
from octomed.recipe import load_recipe
from octomed.report.summary import Summary
from octomed.run_file import load_run_file

from . import elsewhere, runs


def specs_of(path, *overrides):
    recipe = load_recipe(path, overrides)
    return run_spec(plan(recipe), workers=2).tasks


def scanned_elsewhere(specs):
    return elsewhere.results(scan_task, specs, runs.BLOCK_BYTES)


@contextmanager
def work_elsewhere(monkeypatch):
    """Have runs send their work away; yields what was sent."""
    sent = []

    def send(_, call, specs, **_how):
        sent.append((call, list(specs)))
        yield from elsewhere.results(call, sent[-1][1], runs.BLOCK_BYTES)

    with monkeypatch.context() as patched:
        patched.setattr(Threads, "map", send)
        yield sent


def store(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("blocks/*/*")}


def test_specifications_and_results_pickle(small):
    specs = specs_of(small)
    assert len(specs) > 4
    assert pickle.loads(pickle.dumps(specs)) == specs
    assert max(len(pickle.dumps(spec)) for spec in specs) < 4000, "no tokenizer, no block"
    results = scanned_elsewhere(specs[:2])
    assert pickle.loads(pickle.dumps(results)) == results


def test_a_run_whose_work_is_done_elsewhere(small, monkeypatch):
    """Blocks, shards, tables and `octomed.json`, byte for byte; progress and manifest stay here."""
    runs.pack(small)
    with work_elsewhere(monkeypatch) as sent:
        there = runs.pack(small, "output.path=there", "work.path=store-there")
    assert [(call, len(specs) > 4) for call, specs in sent] == [(scan_task, True), (write_range, False)]
    found, expected = (runs.contents(small.parent / name) for name in ("there", "out"))
    assert {name for name in found if found[name] != expected[name]} == {"octomed.json"}  # has its paths
    assert found.keys() == expected.keys()
    assert store(small.parent / "store-there") == store(small.parent / "store")
    assert there.shards_written == len([name for name in found if "/shard." in name])
    assert octomed.verify(small.parent / "there").findings == ()
    assert runs.pack(small, "output.path=there", "work.path=store-there").already_done


def test_blocks_of_a_task_that_is_begun_are_used(small):
    runs.pack(small)
    before = store(small.parent / "store")
    spec = specs_of(small)[0]
    shutil.copytree(spec.folder, small.parent / "kept")
    for name in ("task.json", "1.index"):
        (spec.folder / name).unlink()
    (result,) = scanned_elsewhere([spec])
    assert store(small.parent / "store") == before
    assert result.removed == ()
    assert (result.scanned.blocks_scanned, len(result.scanned.headers) > 2) == (1, True)


def test_a_damaged_block_is_made_again_elsewhere_and_not_twice(small):
    runs.pack(small)
    before = store(small.parent / "store")
    spec = specs_of(small)[0]

    def damaged():
        (spec.folder / "task.json").unlink(missing_ok=True)
        runs.damage(spec.folder / "1.index")

    damaged()
    (result,) = scanned_elsewhere([spec])
    assert [block.name for block in result.removed] == ["1"]
    assert store(small.parent / "store") == before
    damaged()
    with pytest.raises(StorageError, match="made the block again, and it cannot be read again"):
        scanned_elsewhere([replace(spec, made_again=frozenset({"1"}))])
    (spec.folder / "1.index").write_bytes(
        before[(spec.folder / "1.index").relative_to(small.parent / "store")]
    )
    runs.damage(spec.folder / "0.ids")  # which only a look at every byte finds
    assert scanned_elsewhere([spec])[0].removed == ()
    (spec.folder / "task.json").unlink()
    (result,) = scanned_elsewhere([replace(spec, every_byte=True)])
    assert [block.name for block in result.removed] == ["0"]
    assert store(small.parent / "store") == before


def bad_recipe(folder, **keys):
    rows = runs.question_rows(1, 300)
    runs.write_lines(folder / "data/good.jsonl", rows)
    whole = json.dumps(rows)
    (folder / "data/cut.json").write_text(whole[: len(whole) * 2 // 3])
    return runs.write_recipe(folder, runs.one_source("data/*", **keys))


def test_a_file_that_cannot_be_read_is_refused_elsewhere_as_here(tmp_path):
    recipe = bad_recipe(tmp_path)
    specs = [spec for spec in specs_of(recipe) if spec.task.file.relative == "cut.json"]
    with pytest.raises(DataError) as here:
        scan_task(specs[0])
    with pytest.raises(DataError) as there:
        scanned_elsewhere(specs)
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
    assert f"`{tmp_path}/data/cut.json`" in there.value.message
    assert not (specs[0].folder / "task.json").exists()


def test_a_bad_file_is_left_out_elsewhere(tmp_path, monkeypatch):
    recipe = bad_recipe(tmp_path, on_bad_file="skip")
    specs = specs_of(recipe)
    results = scanned_elsewhere(specs)
    bad = {result.scanned.task.file.relative: result.scanned.bad for result in results}
    assert bad["good.jsonl"] is None
    assert "cut.json` (source `only`)" in bad["cut.json"]
    with work_elsewhere(monkeypatch):
        summary = runs.pack(recipe, "output.path=there", "work.path=store-there")
    runs.pack(recipe)
    assert list(summary.files_skipped) == ["only/cut.json"]
    found, expected = (runs.contents(tmp_path / name) for name in ("there", "out"))
    assert {name for name in found if found[name] != expected[name]} == {"octomed.json"}


def test_another_model_elsewhere_is_refused(small):
    spec = specs_of(small)[0]
    text = json.loads((small.parent / "model/tokenizer.json").read_text())
    text["normalizer"] = None
    (small.parent / "model/tokenizer.json").write_text(json.dumps(text))
    with pytest.raises(RecipeError, match="is not what the run was planned with"):
        scanned_elsewhere([spec])


def test_a_layout_of_a_damaged_block_says_so_elsewhere(small, monkeypatch):
    runs.pack(small)
    with work_elsewhere(monkeypatch) as sent:
        runs.pack(small, "output.path=there")
    (spec,) = sent[-1][1]
    path, _ = spec.layout.blocks[0]
    runs.damage(small.parent / f"{path}.index")
    with pytest.raises(DamagedBlock) as caught:
        elsewhere.results(write_range, [spec], runs.BLOCK_BYTES)
    assert str(caught.value.path).startswith(path)


def test_the_last_few_are_kept_and_lent_ones_while_they_are_lent():
    made = []
    kept = Kept(2)

    def get(key):
        return kept.get(key, lambda: made.append(key) or f"made {key}")

    with kept.lend({"a": "lent a"}):
        assert get("a") == "lent a"
        assert get("b") == "made b"
    assert get("a") == "made a"
    assert [get(key) for key in "babc"] == ["made b", "made a", "made b", "made c"]
    assert made == ["b", "a", "c"]
    assert get("a") == "made a"
    assert made == ["b", "a", "c", "a"]


def test_the_run_file_is_read_once(small, monkeypatch):
    from octomed.pipeline.output import output_folder
    from octomed.pipeline.passes import run

    read = []

    def load(folder):
        read.append(folder)
        return load_run_file(folder)

    monkeypatch.setattr(run, "load_run_file", load)
    monkeypatch.setattr(output_folder, "load_run_file", load)
    first = runs.pack(small)
    assert len(read) <= 2, "before the lock and under it, while there is neither a manifest nor a run file"
    found = load_run_file(small.parent / "out")
    with speaking_python():
        again = Summary.from_run_file(found, output=first.output, already_done=False)
    assert again.to_json() == first.to_json()
    for changed in ({"overrides": ("pack.seed=5",), "replace": True}, {"overrides": ("pack.seed=5",)}):
        read.clear()
        runs.pack(small, *changed.pop("overrides"), **changed)
        assert len(read) == 1
