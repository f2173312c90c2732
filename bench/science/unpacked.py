"""A training's first steps once more without packs: stock model, padded rows, the same traces a step.

What is compared are losses that `octomed train` logged with those of a loop that shares nothing with it but
the order of traces: the attention of transformers over rows that are padded to the longest trace of a step.
"""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 50
_IGNORED = -100


def unpacked(folder: Path, name: str, steps: int = STEPS) -> dict[str, Any]:
    """Train unpacked what a seed trained packed, and return losses and seconds of both.

    Parameters
    ----------
    folder
        Of the seed.
    name
        The training.
    steps
        So many of its first steps, or all where it has fewer.
    """
    import torch
    from octomed.train.data import make_loader
    from octomed.train.recipe import load_train_recipe
    from transformers import AutoModelForCausalLM

    recipe = load_train_recipe(folder / f"train-{name}.yaml")
    logged = _logged(folder / "trained" / name / "metrics.jsonl", steps)
    base: Any = recipe.model.pretrained_model_name_or_path
    model: Any = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="sdpa"
    ).train()
    optimizer = _optimizer(model, recipe.optimizer)
    losses, begin = [], time.process_time()
    loader = make_loader(recipe.train_loader, 1, model.config, quiet=True)
    for batch, step in zip(loader, logged, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = step["lr"]
        loss = _loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return {
        "packed": [step["loss"] for step in logged[: len(losses)]],
        "unpacked": losses,
        "unpacked_cpu_seconds": round(time.process_time() - begin, 2),
    }


def _logged(file: Path, steps: int) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    found = [
        {"loss": line["loss/train/total"], "lr": line["lr-AdamW/group0"]}
        for line in lines
        if "loss/train/total" in line
    ]
    return found[:steps]


def _optimizer(model: Any, settings: Any) -> Any:
    """Return AdamW with decay of matrices alone."""
    import torch

    matrices = [one for one in model.parameters() if one.ndim > 1]
    others = [one for one in model.parameters() if one.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=tuple(settings.betas), eps=settings.eps)


def _loss(model: Any, batch: Any) -> Any:
    """Return the mean loss of a batch's supervised tokens, a trace a padded row."""
    import torch

    edges = list(pairwise(batch["cu_seqlens"].tolist()))
    longest = max(end - begin for begin, end in edges)
    ids = torch.zeros(len(edges), longest, dtype=torch.int64)
    labels = torch.full((len(edges), longest), _IGNORED)
    for row, (begin, end) in enumerate(edges):
        ids[row, : end - begin] = batch["input_ids"][0, begin:end]
        labels[row, : end - begin] = batch["labels"][0, begin:end]
    mask = torch.zeros_like(ids)
    for row, (begin, end) in enumerate(edges):
        mask[row, : end - begin] = 1
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=_IGNORED
    )
