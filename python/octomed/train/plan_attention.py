"""An attention that holds what the real ones hold, and computes nothing."""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

FUSED, APART = "octomed_plan_fused", "octomed_plan_apart"
"""Names for `_attn_implementation`: one kernel for all documents, and one call a document, as on a CPU."""


def register() -> None:
    """Make both known to `transformers`; doing so twice is harmless."""
    ALL_ATTENTION_FUNCTIONS.register(FUSED, _fused)
    ALL_ATTENTION_FUNCTIONS.register(APART, _apart)


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, fused: bool
) -> torch.Tensor:
    """Return a tensor like the query, and keep for the backward pass what the kernels keep.

    Parameters
    ----------
    query
        [T, heads, width].
    key, value
        [T, key heads, width].
    fused
        One kernel for all documents, which takes fewer key heads than query heads; the calls document by
        document have key and value copied to as many, and their results put together.
    """
    apply: Any = _Attention.apply
    if fused:
        return apply(query, key, value)
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = (one.repeat_interleave(repeats, dim=1) for one in (key, value))
    return torch.cat([apply(query, key, value)])


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 as torch gives it
        out = torch.empty(query.shape, dtype=query.dtype)
        logarithms = torch.empty(query.shape[:2], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, logarithms)
        return out

    @staticmethod
    def backward(ctx: Any, _: torch.Tensor) -> tuple[torch.Tensor, ...]:  # noqa: ANN401 as torch gives it
        return tuple(torch.empty(one.shape, dtype=one.dtype) for one in ctx.saved_tensors[:3])


def _of_a_layer(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, fused: bool) -> torch.Tensor:
    """Take and give the shapes with which `transformers` calls."""
    inside = (one[0].transpose(0, 1) for one in (query, key, value))
    return attend(*inside, fused=fused).unsqueeze(0)


def _fused(
    _: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *__: object, **___: object
) -> tuple[torch.Tensor, None]:
    return _of_a_layer(query, key, value, fused=True), None


def _apart(
    _: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *__: object, **___: object
) -> tuple[torch.Tensor, None]:
    return _of_a_layer(query, key, value, fused=False), None
