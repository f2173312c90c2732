"""Digests of a model's weights, which tell one base of adapters from another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from composer.utils import dist

from octomed._octomed import digest
from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Iterable


def digest_of(model: torch.nn.Module) -> str:
    """Return a digest of a model's weights: their names, types, shapes and bytes, on whatever device.

    All ranks take part and get that of the first, which alone reads its weights.
    """
    found: list[str | None] = [None]
    if dist.get_global_rank() == 0:
        found = [content_key(_digests(model.named_parameters()))]
    dist.broadcast_object_list(found)
    return str(found[0])


def _digests(parameters: Iterable[tuple[str, torch.nn.Parameter]]) -> list[Any]:
    return [
        [name, str(one.dtype), list(one.shape), digest(_bytes(one))]
        for name, one in sorted(parameters, key=lambda named: named[0])
    ]


def _bytes(parameter: torch.nn.Parameter) -> bytes:
    if parameter.is_meta:  # of a plan of memory, which has shapes alone
        return b""
    data: bytes = parameter.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes()
    return data
