"""A look at rows and packs of a run whose model is a local vocabulary without a template of its own."""

from __future__ import annotations

import errno
import io

import octomed
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError, RecipeError, StorageError
from octomed.pipeline.finished.inspect_packs import inspect_pack, inspect_trace
from octomed.pipeline.planning.inspect import inspect_row
from octomed.recipe import load_recipe
from octomed.report.inspection import show_view
from rich.console import Console

from . import runs


def test_a_pack_and_a_trace_read_as_their_row(small):
    runs.pack(small)
    out = small.parent / "out"
    for row in runs.provenance(out)[::40]:
        view = inspect_trace(out, row["trace_id"])
        assert view.token_ids == inspect_pack(out, row["stream"], row["pack"])[row["document"]].token_ids
        asked = inspect_row(load_recipe(small), row["source"], row["row"], file=row["file"])[row["sample"]]
        assert (asked.token_ids, asked.loss_spans) == (view.token_ids, view.loss_spans)
        assert len(view.token_ids) == row["length"]
        assert b"".join(view.token_texts).startswith(b"<|im_start|>system\nThink.<|im_end|>\n")


def test_an_id_that_no_trace_has_is_said_to_be_none(small):
    runs.pack(small)
    for wrong in (0, -1, 2**64 - 1, 2**64):
        with pytest.raises(RecipeError, match=f"no trace {wrong} in"):
            inspect_trace(small.parent / "out", wrong)


SPOILED = {
    "damaged": (runs.damage, 3, "is damaged: its xxh3_64 is not the one in the index"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-7]), 3, "is damaged: it has"),
    "missing": (lambda path: path.unlink(), 4, "No such file"),
}


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize("case", SPOILED)
def test_a_pack_of_a_spoiled_shard_is_an_error_whatever_is_unpacked_beside_it(small, capsys, case, unpacked):
    spoil, expected, words = SPOILED[case]
    runs.pack(small)
    out = small.parent / "out"
    shard = out / "len-00256/shard.00000.mds.zstd"
    if unpacked:
        runs.unpack(out)
    spoil(shard)
    code, said = runs.fails(capsys, "inspect", out, "--stream", "len-00256", "--pack", "0")
    assert (code, f"`{shard}`" in said, words in said) == (expected, True, True), said
    assert f"hint: `octomed verify {out}` says what is wrong" in said
    found = [(finding.file, finding.what) for finding in octomed.verify(out).findings]
    assert found[0][0] == "len-00256/shard.00000.mds.zstd"
    if case == "missing" and unpacked:
        assert "it is missing; what was unpacked of it, `shard.00000.mds`, is there" in found[0][1]


def test_a_pack_is_read_from_its_shard_and_not_from_what_is_unpacked_beside_it(small):
    runs.pack(small)
    out = small.parent / "out"
    expected = inspect_pack(out, "len-00256", 0)
    runs.unpack(out)[0].write_bytes(b"another run's")
    assert inspect_pack(out, "len-00256", 0) == expected


def test_a_missing_shard_keeps_the_system_s_error_number(small):
    runs.pack(small)
    out = small.parent / "out"
    (out / "len-00256/shard.00000.mds.zstd").unlink()
    with pytest.raises(StorageError, match=r"shard\.00000") as caught:
        inspect_pack(out, "len-00256", 0)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.hint == f"`octomed verify {out}` says what is wrong"


def test_provenance_that_does_not_fit_the_shard_is_an_error(small):
    runs.pack(small)
    out = small.parent / "out"
    path = out / "provenance/len-00256-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(DataError, match=r"traces of pack 0, and its shard has \d+"):
        inspect_pack(out, "len-00256", 0)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"00256-00000\.parquet` is damaged"):
        inspect_trace(out, 1)


def test_what_the_run_decides_later_is_said_of_a_row(small):
    path = runs.write_lines(small.parent / "data/long.jsonl", [
        {"question": "q", "responses": ["short", "long " * 2000, " "]},
    ])  # fmt: skip
    recipe = load_recipe(runs.write_recipe(small.parent, runs.one_source(str(path))))
    views = inspect_row(recipe, "only", 0)
    assert [view.verdict for view in views] == ["kept", "over_long", "empty_response"]
    screen = Console(file=io.StringIO(), width=200)
    for view in views:
        show_view(view, screen)
    said = screen.file.getvalue()
    assert "verdict   kept, unless the run finds an earlier duplicate\n" in said
    assert "verdict   over_long (a pack holds 1,024 tokens)\n" in said
    assert "verdict   empty_response\n" in said
    (view, *_) = inspect_row(load_recipe(small, ["curate.duplicates.exact=false"]), "only", 0)
    assert not view.may_be_duplicate
    runs.pack(small)
    found = [(row["sample"], row["reason"]) for row in runs.rejects(small.parent / "out")]
    assert found == [(1, "over_long"), (2, "empty_response")]
