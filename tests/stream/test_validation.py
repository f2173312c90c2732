"""A run that was packed with a part for validation and with copies, as a training reads it."""

from __future__ import annotations

from collections import Counter

from octomed.stream import PackedDataset

from tests.end_to_end import runs


def test_both_splits_are_read_and_copies_are_in_other_packs(tmp_path):
    runs.make_inputs(tmp_path, rows=60)
    recipe = runs.values()
    recipe["sources"][0]["group"] = "text"
    summary = runs.pack(
        runs.write_recipe(tmp_path, {**recipe, "validation": {"share": 0.3}, "mix": {"text": 2}})
    )
    training = PackedDataset(tmp_path / "out", batch_size=1, quiet=True)
    held_out = PackedDataset(tmp_path / "out", batch_size=1, split="validation", quiet=True)
    trained = Counter(trace for row in training for trace in row["trace_ids"])
    held = Counter(trace for row in held_out for trace in row["trace_ids"])
    assert set(held.values()) == {1}
    assert len(held) == summary.validation
    assert not trained.keys() & held.keys()
    assert len(trained) == summary.train
    assert trained.total() >= summary.train + summary.copies  # an epoch may repeat a few packs
    assert max(trained.values()) > 1
    assert all(len(set(row["trace_ids"])) == len(row["trace_ids"]) for row in training)
