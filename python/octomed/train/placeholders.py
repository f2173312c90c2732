"""Which tokens of a microbatch stand for images, and which features each of them takes.

The tower runs once for an image of a pack, however many placeholders show it. Nothing here waits for the
device: how many tokens there are is known where the batch was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping


class Places(NamedTuple):
    """Where the features of images go.

    Attributes
    ----------
    tokens
        [N], the tokens that stand for images, in order.
    features
        [N], the row of the tower's features that each takes.
    """

    tokens: torch.Tensor
    features: torch.Tensor


def places_of(batch: Mapping[str, Any], image_token: int) -> Places:
    """Find the tokens of images, and their features.

    Parameters
    ----------
    batch
        With `input_ids` [1, T], `image_counts` [I, 3], `image_refs` [R] and `image_tokens`.
    image_token
        The id that stands for a unit of an image.

    Examples
    --------
    Two images of one and of two tokens; the second is shown twice.

    >>> batch = {
    ...     "input_ids": torch.tensor([[9, 7, 7, 9, 7, 9, 7, 7]]),
    ...     "image_counts": torch.tensor([[4, 1, 1], [8, 2, 1]]),  # patches, units, windows
    ...     "image_refs": torch.tensor([1, 0, 1]),
    ...     "image_tokens": (5,),  # of each pack
    ... }
    >>> tokens, features = places_of(batch, image_token=7)
    >>> tokens.tolist(), features.tolist()
    ([1, 2, 4, 6, 7], [1, 2, 0, 1, 2])
    """
    others = batch["input_ids"][0] != image_token
    count = sum(batch["image_tokens"])
    tokens = torch.argsort(others.to(torch.int8), stable=True)[:count]
    units, refs = batch["image_counts"][:, 1], batch["image_refs"]
    shown = units[refs]
    shift = (units.cumsum(0) - units)[refs] - (shown.cumsum(0) - shown)
    rows = torch.arange(count, device=tokens.device)
    return Places(tokens, rows + torch.repeat_interleave(shift, shown, output_size=count))
