"""An attention that holds what the real ones hold, and computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from octomed.train import attention

if TYPE_CHECKING:
    from octomed.train.attention import Documents

FUSED, APART = "octomed_plan_fused", "octomed_plan_apart"
"""Names for `_attn_implementation`: one kernel for all documents, and one call a document, as on a CPU."""


def register() -> None:
    """Make both known to `transformers`; doing so twice is harmless."""
    ALL_ATTENTION_FUNCTIONS.register(FUSED, _fused)
    ALL_ATTENTION_FUNCTIONS.register(APART, _apart)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return a tensor like the query, and keep for the backward pass what a fused kernel keeps.

    Parameters
    ----------
    query
        [T, heads, width].
    key, value
        [T, key heads, width].
    """
    apply: Any = _Attention.apply
    return apply(query, key, value)


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


def _fused(
    _: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *__: object,
    **___: object,
) -> tuple[torch.Tensor, None]:
    inside = (one[0].transpose(0, 1) for one in (query, key, value))
    return attend(*inside).unsqueeze(0), None


def _apart(  # noqa: PLR0913 the signature that `transformers` calls
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    documents: Documents,
    **others: Any,  # noqa: ANN401 as above
) -> tuple[torch.Tensor, None]:
    """Call what a training calls there: it is made of operations that tensors without memory know."""
    return attention.attention(module, query, key, value, attention_mask, documents=documents, **others)
