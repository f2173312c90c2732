"""Padded: a trace a row, rows padded to the longest of the step, as many tokens a step as a pack may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from bench.train.composed import fit
from bench.train.equipment import loss_of, model_of
from bench.train.settings import Settings
from bench.train.traces import IGNORED, Trace, first_packs, padded_batches, shuffled
from bench.train.watch import Stopwatch
from composer.core import DataSpec
from composer.models import ComposerModel
from octomed.train.loss import liger_cross_entropy, weighted_cross_entropy
from torch.utils.data import DataLoader
from transformers import PreTrainedModel


class PaddedModel(ComposerModel):
    """The same model and the same loss, of rows.

    Parameters
    ----------
    language_model
        Its attention is set to torch's own.
    implementation
        Of the loss.
    """

    def __init__(self, language_model: PreTrainedModel, implementation: str) -> None:
        super().__init__()
        language_model.set_attn_implementation("sdpa")
        self.language_model = language_model
        self.implementation = implementation

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """The mean loss of the supervised tokens."""
        hidden = self.language_model.model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            attention_mask=batch["attention_mask"],
            use_cache=False,
        ).last_hidden_state[:, :-1]
        targets = batch["labels"][:, 1:]
        learned = targets != IGNORED
        rows, wanted = hidden[learned], targets[learned]
        matrix = self.language_model.lm_head.weight
        if self.implementation == "liger":
            total = liger_cross_entropy(rows, matrix, wanted)
        else:
            ones = torch.ones(len(rows), dtype=torch.float32, device=rows.device)
            total = weighted_cross_entropy(rows, matrix, wanted, ones)
        return total / max(1, len(wanted))

    def loss(self, outputs: torch.Tensor, batch: Mapping[str, Any], *_: object, **__: object) -> Any:
        """The loss under the name that the packed way gives it."""
        del batch
        return {"total": outputs}


def collate(traces: list[Trace]) -> dict[str, Any]:
    """Rows padded at their end; a causal model needs no mask for that, and the fast kernels take none."""
    lengths = torch.tensor([len(trace.ids) for trace in traces])
    shape = (len(traces), int(lengths.max()))
    ids, labels = torch.zeros(shape, dtype=torch.int64), torch.full(shape, IGNORED)
    for row, trace in enumerate(traces):
        ids[row, : len(trace.ids)] = torch.from_numpy(trace.ids)
        labels[row, : len(trace.ids)] = torch.from_numpy(trace.labels)
    return {
        "input_ids": ids,
        "labels": labels,
        "position_ids": torch.arange(shape[1]).expand(4, *shape).contiguous(),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "lengths": lengths,
        "supervised_tokens": torch.tensor([trace.supervised for trace in traces]),
        "trace_ids": torch.from_numpy(np.array([trace.number for trace in traces], np.uint64).view(np.int64)),
    }


def run(settings: Settings) -> dict[str, Any]:
    """Trains, and returns steps and what they were made with."""
    packs = first_packs(settings)
    warm_up, timed = (
        padded_batches(shuffled(some, settings.seed), settings.capacity)
        for some in (packs[: settings.warm_up], packs[settings.warm_up :])
    )
    batches: Any = [*warm_up, *timed]
    loader = DataLoader(batches, batch_size=None, collate_fn=collate, num_workers=settings.workers)
    data = DataSpec(
        loader,
        split_batch=lambda batch, _: [batch],
        get_num_samples_in_batch=lambda batch: len(batch["lengths"]),
        get_num_tokens_in_batch=lambda batch: {
            "total": int(batch["lengths"].sum()),
            "loss_generating": int(batch["supervised_tokens"].sum()),
        },
    )
    implementation = loss_of(settings)
    stopwatch = Stopwatch(len(warm_up), settings.device)
    model = PaddedModel(model_of(settings), implementation)
    facts = fit(model, data, settings, stopwatch, len(batches))
    made_with = {"attention": "torch, scaled dot product, causal", "loss": f"octomed, {implementation}"}
    return facts | made_with | stopwatch.result()
