"""What Composer has to know of a batch of packs: how to split and how to count it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from composer.core import DataSpec

from octomed.errors import DataError, RecipeError
from octomed.stream.contract import CONTRACT, COUNTED_OF_IMAGES, MADE_BY, Axis, check_keys, size_along
from octomed.train.network import loss_units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.train.network import Weighting

Batch = dict[str, Any]
Offsets = dict[Axis, list[int]]
"""By axis, where each pack's entries begin; last, how many there are."""

_COUNTED = (Axis.TOKENS, Axis.DOCUMENTS, Axis.IMAGES, Axis.PLACEHOLDERS)
"""What the columns of `packs` count of a pack; a batch of text has the first two."""


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

    Examples
    --------
    >>> spec = data_spec([])
    >>> spec.get_num_samples_in_batch({"packs": ["one", "two"]})
    2
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
    DataError
        When the batch has a key that the contract does not know, or lacks one, or a value is not as long as
        its packs.
    """
    check_keys(batch)
    if packs < 1 or int(packs) != packs:
        raise RecipeError(
            f"a microbatch of {packs} packs is not possible",
            "set `device_train_microbatch_size` to 1 or more",
        )
    if number_of_packs(batch) <= packs:
        return [batch]
    offsets = _offsets(batch)
    _check_sizes(batch, offsets)
    size, count = int(packs), number_of_packs(batch)
    return [_microbatch(batch, offsets, first, min(first + size, count)) for first in range(0, count, size)]


def _offsets(batch: Batch) -> Offsets:
    """Return where each pack begins, on every axis that the batch has."""
    counts = batch["packs"].cpu()
    begins = torch.cat([counts.new_zeros(1, counts.shape[1]), counts.cumsum(0)])
    offsets = {Axis.PACKS: list(range(len(counts) + 1))}
    for axis, column in zip(_COUNTED, begins.unbind(1), strict=False):
        offsets[axis] = column.tolist()
    if Axis.IMAGES in offsets:
        offsets |= _offsets_of_images(batch, begins[:, 2])
    return offsets


def _offsets_of_images(batch: Batch, images: torch.Tensor) -> Offsets:
    """Return where each pack begins on the axes whose entries images have, by where its images begin."""
    if "image_counts" in batch:
        counts = batch["image_counts"].cpu()
    elif "image_grid_thw" in batch:
        counts = batch["image_grid_thw"].cpu().prod(1, keepdim=True)  # patches alone
    else:
        return {}
    if int(images[-1]) != len(counts):  # the check of sizes says so
        return {}
    before = torch.cat([counts.new_zeros(1, counts.shape[1]), counts.cumsum(0)])[images]
    return {axis: column.tolist() for axis, column in zip(COUNTED_OF_IMAGES, before.unbind(1), strict=False)}


def _check_sizes(batch: Batch, offsets: Offsets) -> None:
    """Check that each value has the entries that `packs` counts: a slice beyond its end would be short."""
    for name, value in batch.items():
        axis = CONTRACT[name]
        if axis is Axis.LONGEST:
            continue
        counted = Axis.DOCUMENTS if axis is Axis.EDGES else axis
        if counted not in offsets:
            raise DataError(
                f"`{name}` of the batch cannot be split: nothing counts the {axis.value} of a pack",
                "the third and fourth column of `packs` count images and their placeholders, and "
                "`image_counts`, or `image_grid_thw`, what images have",
            )
        expected = offsets[counted][-1] + (axis is Axis.EDGES)
        if size_along(axis, value) != expected:
            raise DataError(
                f"`{name}` of the batch has {size_along(axis, value):,} {axis.value}, "
                f"and its packs have {expected:,}",
                MADE_BY,
            )


def _microbatch(batch: Batch, offsets: Offsets, first: int, end: int) -> Batch:
    """Return the packs from `first` to `end`, with every key that the batch has."""
    bounds = {axis: slice(begins[first], begins[end]) for axis, begins in offsets.items()}
    documents = bounds[Axis.DOCUMENTS]
    edges = batch["cu_seqlens"][documents.start : documents.stop + 1] - bounds[Axis.TOKENS].start
    longest = int(torch.diff(edges).max())
    part: Batch = {}
    for name, value in batch.items():
        axis = CONTRACT[name]
        if axis is Axis.EDGES:
            part[name] = edges
        elif axis is Axis.LONGEST:
            part[name] = longest
        elif axis is Axis.TOKENS:
            part[name] = value[..., bounds[axis]]
        elif axis is Axis.PLACEHOLDERS:
            part[name] = value[bounds[axis]] - bounds[Axis.IMAGES].start
        else:
            part[name] = value[bounds[axis]]
    return part
