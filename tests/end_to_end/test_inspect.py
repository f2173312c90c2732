"""A look at rows and packs of a run whose model is a local vocabulary without a template of its own."""

from __future__ import annotations

import io

import pytest
from octomed.errors import RecipeError
from octomed.pipeline.inspect import inspect_pack, inspect_row, inspect_trace
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
