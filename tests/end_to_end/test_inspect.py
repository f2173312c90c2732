"""A look at rows and packs of a run whose model is a local vocabulary without a template of its own."""

from __future__ import annotations

import pytest
from octomed.errors import RecipeError
from octomed.pipeline.inspect import inspect_pack, inspect_row, inspect_trace
from octomed.recipe import load_recipe

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
