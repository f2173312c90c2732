"""The same recipe and inputs give the same bytes; what stands is used again, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from . import runs


def edit(path, change):
    recipe = json.loads(path.read_text(encoding="utf-8"))
    change(recipe)
    path.write_text(json.dumps(recipe), encoding="utf-8")


@pytest.fixture
def packed(small):
    return small, runs.pack(small)


def test_any_number_of_workers_gives_the_same_bytes(small):
    found = {}
    for workers in (1, 2, 8):
        summary = runs.pack(small, workers=workers)
        assert summary.blocks_scanned > 8
        assert summary.shards > 4
        assert summary.rejected["duplicate"] > 5
        assert summary.rejected["empty_response"] == 1
        found[workers] = runs.contents(small.parent / "out")
        shutil.rmtree(small.parent / "out")
        shutil.rmtree(small.parent / "store")
    assert found[1] == found[2] == found[8]


def test_inputs_elsewhere_with_other_times_give_the_same_bytes(packed, tmp_path_factory):
    small, _ = packed
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deep" / "er"
    shutil.copytree(small.parent, elsewhere, ignore=shutil.ignore_patterns("out", "store"))
    for number, path in enumerate(sorted(elsewhere.rglob("*"))):
        os.utime(path, ns=(10**18 + number, 10**18 + number))
    runs.pack(elsewhere / small.name)
    assert runs.contents(elsewhere / "out") == runs.contents(small.parent / "out")


def test_no_machine_path_is_in_the_output(packed):
    small, _ = packed
    run = json.loads((small.parent / "out/octomed.json").read_text())
    del run["run"]
    assert str(small.parent) not in json.dumps(run)


def test_a_second_run_does_nothing_and_says_so(packed):
    small, first = packed
    out = small.parent / "out"
    before = {path: path.stat() for path in out.rglob("*") if path.is_file()}
    begin = time.process_time()
    second = runs.pack(small)
    assert time.process_time() - begin < 2
    assert second.already_done
    assert "nothing to do" in second.plain()
    assert (second.blocks_scanned, second.shards_written) == (0, 0)
    assert second.blocks_reused == first.blocks_scanned
    after = {path: path.stat() for path in out.rglob("*") if path.is_file()}
    assert {path: stat.st_mtime_ns for path, stat in before.items()} == {
        path: stat.st_mtime_ns for path, stat in after.items()
    }


def test_a_second_run_with_a_built_in_model_takes_under_two_seconds(small):
    edit(small, lambda recipe: recipe.update(model="qwen2.5"))
    runs.pack(small)
    begin = time.process_time()
    assert runs.pack(small).already_done
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    "change",
    [
        "pack.capacity=2048",
        "pack.seed=4",
        "pack.buckets=[300]",
        "output.path=elsewhere",
        "output.compression=null",
        "output.shard_size=40000",
        "curate.duplicates.exact=false",
    ],
)
def test_what_a_scan_does_not_see_scans_nothing(packed, change):
    small, first = packed
    again = runs.pack(small, change, replace=True)
    assert not again.already_done
    assert again.blocks_scanned == 0
    assert again.blocks_reused == first.blocks_scanned
    assert again.shards_written == again.shards


@pytest.mark.parametrize("change", ["name=other", "sources.0.group=text", "sources.0.max_unreadable=0.5"])
def test_what_no_byte_depends_on_is_only_written_down(packed, change):
    small, first = packed
    again = runs.pack(small, change)
    assert (again.blocks_scanned, again.shards_written, again.shards) == (0, 0, first.shards)
    path, value = change.split("=")
    key = path.split(".")[-1]
    written = json.loads((small.parent / "out/octomed.json").read_text())["recipe"]
    holder = written if key in written else written["sources"][0]
    assert str(holder[key]) == value
    assert runs.pack(small, change).already_done


@pytest.mark.parametrize("change", ["system=Other.", "prompt='{{ question }}!'", "supervise=last"])
def test_what_a_scan_sees_scans_everything(packed, change):
    small, first = packed
    again = runs.pack(small, change, replace=True)
    assert (again.blocks_scanned, again.blocks_reused) == (first.blocks_scanned, 0)


def test_the_seed_changes_the_order_and_nothing_else(packed):
    small, first = packed
    runs.pack(small, "pack.seed=99", "output.path=other")
    ours, other = (runs.provenance(small.parent / name) for name in ("out", "other"))

    def traces(rows):
        return sorted(
            (row["trace_id"], row["source"], row["file"], row["row"], row["sample"]) for row in rows
        )

    assert traces(ours) == traces(other)
    assert len(ours) == first.train
    assert [row["trace_id"] for row in ours] != [row["trace_id"] for row in other]


def test_an_added_source_scans_only_that(packed):
    small, first = packed
    runs.write_lines(small.parent / "data/new.jsonl", runs.question_rows(9, 30))
    added = {"name": "added", "path": "data/new.jsonl", "format": "octomed"}
    edit(small, lambda recipe: recipe["sources"].insert(0, added))
    again = runs.pack(small, replace=True)
    assert again.blocks_reused == first.blocks_scanned
    assert again.blocks_scanned > 0
    assert again.rows == first.rows + 30


def test_an_added_or_changed_file_scans_only_that(packed):
    small, first = packed
    data = small.parent / "data/questions"
    runs.write_lines(data / "aa.jsonl", runs.question_rows(9, 30))
    added = runs.pack(small, replace=True)
    assert added.blocks_reused == first.blocks_scanned
    assert added.blocks_scanned > 0
    os.utime(data / "aa.jsonl", ns=(10**18, 10**18))
    touched = runs.pack(small, replace=True)
    assert (touched.blocks_reused, touched.blocks_scanned) == (first.blocks_scanned, added.blocks_scanned)


def test_without_keep_the_store_is_emptied_and_the_run_stands(small):
    first = runs.pack(small, "work.keep=false")
    assert list((small.parent / "store/blocks").iterdir()) == []
    again = runs.pack(small, "work.keep=false")
    assert again.already_done
    assert again.rows == first.rows


def test_a_file_that_was_lost_is_written_again(packed):
    small, _ = packed
    out = small.parent / "out"
    before = runs.contents(out)
    for lost in (
        "len-00512/shard.00001.mds.zstd",
        "provenance/len-00256-00000.parquet",
        "rejects/chains.parquet",
    ):
        (out / lost).unlink()
        again = runs.pack(small)
        assert not again.already_done
        assert again.blocks_scanned == 0
        assert again.shards_written == (1 if lost.startswith("len-") else 0)
        assert runs.contents(out) == before


def test_rows_are_numbered_over_the_tasks_of_a_file(packed):
    small, first = packed
    out = small.parent / "out"
    expected = {
        "a.jsonl": runs.question_rows(1, 150),
        "b.jsonl": [*runs.question_rows(2, 150), *runs.question_rows(1, 5)],
    }
    seen = [row for row in runs.provenance(out) + runs.rejects(out) if row["source"] == "questions"]
    places = sorted((row["file"], row["row"], row["sample"]) for row in seen)
    assert places == sorted(
        (file, number, sample)
        for file, lines in expected.items()
        for number, row in enumerate(lines)
        for sample in range(len(row["responses"]))
    )
    assert first.traces == len(runs.provenance(out)) + sum(first.rejected.values())
