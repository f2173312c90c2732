"""The example with the Hugging Face Trainer: every trace, and no repeats but those counted."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from octomed.stream import Collator, PackedDataset

from tests.end_to_end import runs

from .ranks import in_ranks

EXAMPLES = Path(__file__).parents[2] / "examples"


def _train(packed: Path, output: Path) -> tuple[list[int], int, float]:
    """First traces of the packs that this rank trained on, its steps, and its loss."""
    sys.path.insert(0, str(EXAMPLES))
    import hugging_face_trainer as example

    seen: list[int] = []

    def collate(packs: list[dict[str, Any]]) -> dict[str, Any]:
        seen.extend(int(pack["trace_ids"][0]) for pack in packs)
        batch = Collator("text")(packs)
        return {name: batch[name] for name in example.TAKEN}

    torch.set_num_threads(1)
    trainer = example.train(str(packed), str(output), batch_size=4, collator=collate)
    return seen, trainer.state.global_step, trainer.state.log_history[-1]["train_loss"]


def test_the_trainer_sees_every_trace_and_repeats_only_those_counted(packed, tmp_path):
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate")
    ranks = in_ranks(2, _train, packed, tmp_path)
    counts = PackedDataset(packed, batch_size=4, quiet=True).counts
    seen = Counter(pack for packs, _, _ in ranks for pack in packs)
    assert seen.keys() == {row["trace_id"] for row in runs.provenance(packed) if row["document"] == 0}
    assert seen.total() - len(seen) == counts.repeats > 0
    assert [steps for _, steps, _ in ranks] == [-(-counts.slots // 8)] * 2
    assert all(0 < loss < 10 for _, _, loss in ranks)
