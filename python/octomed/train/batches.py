"""What Composer has to know of a batch of packs: how to split and how to count it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from composer.core import DataSpec

from octomed.errors import RecipeError
from octomed.train.network import loss_units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.train.network import Weighting

Batch = dict[str, Any]
_OF_TOKENS = ("input_ids", "labels", "position_ids")
_OF_DOCUMENTS = ("trace_ids", "supervised_tokens")


def data_spec(loader: Iterable[Batch], *, weighting: Weighting = "token") -> DataSpec:
    """Wrap a loader of packed batches for Composer's `Trainer`.

    A sample is a pack. Composer weights microbatches by `loss_generating`, so with
    `accumulate_train_batch_on_tokens` the loss is a mean over all ranks' supervised tokens, or traces.

    Parameters
    ----------
    loader
        Yields the batch contract of `octomed.stream`.
    weighting
        What the loss is a mean over.
    """
    return DataSpec(
        loader,
        split_batch=split_batch,
        get_num_samples_in_batch=number_of_packs,
        get_num_tokens_in_batch=partial(numbers_of_tokens, weighting=weighting),
    )


def number_of_packs(batch: Batch) -> int:
    """Return how many packs a batch holds."""
    return len(batch["packs"])


def numbers_of_tokens(batch: Batch, *, weighting: Weighting = "token") -> dict[str, int]:
    """Return a batch's tokens, and what its loss is a mean over: supervised tokens, or traces."""
    return {"total": batch["input_ids"].shape[1], "loss_generating": loss_units(batch, weighting)}


def split_batch(batch: Batch, packs: float) -> list[Batch]:
    """Split a batch into microbatches of whole packs.

    Parameters
    ----------
    batch
        The batch.
    packs
        Packs a microbatch; the last may have fewer.

    Raises
    ------
    RecipeError
        When a microbatch would be a piece of a pack.
    """
    if packs < 1 or int(packs) != packs:
        raise RecipeError(
            f"a microbatch of {packs} packs is not possible",
            "set `device_train_microbatch_size` to 1 or more",
        )
    if number_of_packs(batch) <= packs:
        return [batch]
    tokens, documents = (edges.tolist() for edges in _edges(batch["packs"]))
    firsts = range(0, number_of_packs(batch), int(packs))
    return [_part(batch, first, first + int(packs), tokens, documents) for first in firsts]


def _edges(packs: torch.Tensor) -> list[torch.Tensor]:
    both = torch.cat([packs.new_zeros(1, 2), packs.cumsum(0)]).cpu()
    return [both[:, 0], both[:, 1]]


def _part(batch: Batch, first: int, end: int, tokens: list[int], documents: list[int]) -> Batch:
    end = min(end, len(tokens) - 1)
    some_tokens = slice(tokens[first], tokens[end])
    some_documents = slice(documents[first], documents[end])
    edges = batch["cu_seqlens"][documents[first] : documents[end] + 1] - tokens[first]
    part: Batch = {"packs": batch["packs"][first:end]}
    for name, value in batch.items():
        if name in _OF_TOKENS:
            part[name] = value[..., some_tokens]
        elif name in _OF_DOCUMENTS:
            part[name] = value[some_documents]
    return part | {"cu_seqlens": edges, "max_length": int(torch.diff(edges).max())}
