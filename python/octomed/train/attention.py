"""Causal attention that never crosses from one document of a pack into another.

`transformers` looks attention functions up by name. Ours takes the documents' edges as an argument of the
model's forward and raises without them, so that nothing can attend across by forgetting a mask: with a name
that has no mask function, `transformers` builds no mask at all.
"""

from __future__ import annotations

import importlib.util
import inspect
import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from octomed.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "octomed_documents"
"""What the attention is called in a configuration's `_attn_implementation`."""


@dataclass(frozen=True)
class Documents:
    """Where the documents of a microbatch lie.

    Attributes
    ----------
    cu_seqlens
        Edges over the tokens, int32 of shape [D + 1], the first 0 and the last T.
    longest
        Tokens of the longest document.
    """

    cu_seqlens: torch.Tensor
    longest: int

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """The edges as numbers; on a GPU this waits for the device, so only the slow path asks for them."""
        return tuple(self.cu_seqlens.tolist())


def attention(  # noqa: PLR0913 the signature that `transformers` calls
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    documents: Documents | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attend causally inside each document.

    Parameters
    ----------
    module
        The layer that asks.
    query
        [1, heads, T, width].
    key, value
        [1, key heads, T, width].
    attention_mask
        Must be absent: the documents' edges say all there is to say.
    scaling
        Factor of the scores; one over the root of the width by default.
    dropout
        Must be 0.
    documents
        The edges.

    Returns
    -------
    output : Tensor
        [1, T, heads, width].
    None
        Weights are not kept.

    Raises
    ------
    InternalError
        Without edges, with a mask, or for more than one row: attention across documents would pass unseen.
    """
    if documents is None or attention_mask is not None or query.shape[0] != 1 or dropout:
        raise InternalError(
            f"{type(module).__name__} was called without documents, with a mask, a batch of rows or dropout",
            "packed documents are kept apart by `cu_seqlens` alone: call the model through `octomed.train`",
        )
    if query.dtype != value.dtype:  # under autocast the rotation of float32 states makes float32 of these two
        query, key = query.to(value.dtype), key.to(value.dtype)
    packed = (query[0].transpose(0, 1), key[0].transpose(0, 1), value[0].transpose(0, 1))
    kernel = _kernel(query.device.type, query.dtype)
    return kernel(*packed, documents, scaling).unsqueeze(0), None


def register() -> None:
    """Make the attention known to `transformers`; doing so twice is harmless.

    A compiled layer calls it as it is: documents come in any number and length.
    """
    as_it_is: Any = torch.compiler.disable
    ALL_ATTENTION_FUNCTIONS.register(NAME, as_it_is(attention))


def kernel_name(device: str, dtype: torch.dtype) -> str:
    """Return which implementation runs for a device and a type, for logs."""
    return _kernel(device, dtype).__name__.strip("_")


@lru_cache
def varlen_kernel(device: str, dtype: torch.dtype) -> Callable[..., torch.Tensor] | None:
    """Return what attends inside stretches of any lengths in one call; None where nothing does.

    Parameters
    ----------
    device
        ``cuda`` or ``cpu``.
    dtype
        Of queries, keys and values.

    Returns
    -------
    Callable or None
        Takes queries, keys and values of shape [T, heads, width], the stretches (`Documents`, or what has its
        `cu_seqlens` and `longest`), the factor of the scores, and ``causal``, which is true by default.
    """
    if device == "cuda" and dtype in (torch.bfloat16, torch.float16):
        if importlib.util.find_spec("flash_attn") is not None:
            return _flash_attention
        if _varlen() is not None:
            return _torch_varlen
    return None


def _kernel(device: str, dtype: torch.dtype) -> Callable[..., torch.Tensor]:
    return varlen_kernel(device, dtype) or _document_by_document


def _document_by_document(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, documents: Documents, scaling: float | None
) -> torch.Tensor:
    """Call scaled dot-product attention once a document: exact everywhere, and slow for many documents."""
    key, value = _as_many_heads(query, key, value)
    attend: Any = torch.nn.functional.scaled_dot_product_attention
    parts = []
    for begin, end in itertools.pairwise(documents.edges):
        inside = (part[begin:end].transpose(0, 1) for part in (query, key, value))
        parts.append(attend(*inside, is_causal=True, scale=scaling).transpose(0, 1))
    return torch.cat(parts)


def _as_many_heads(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    repeats = query.shape[1] // key.shape[1]
    if repeats == 1:
        return key, value
    return key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)


def _flash_attention(  # noqa: PLR0913 what kernels have in common
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    documents: Documents,
    scaling: float | None,
    *,
    causal: bool = True,
) -> torch.Tensor:
    from flash_attn import flash_attn_varlen_func  # noqa: PLC0415 has no wheel in the package index

    edges, longest = documents.cu_seqlens, documents.longest
    return flash_attn_varlen_func(
        query, key, value, edges, edges, longest, longest, softmax_scale=scaling, causal=causal
    )


@lru_cache
def _varlen() -> Callable[..., Any] | None:
    """Find `torch.nn.attention.varlen`, which torch has since 2.10."""
    if importlib.util.find_spec("torch.nn.attention.varlen") is None:
        return None
    return getattr(importlib.import_module("torch.nn.attention.varlen"), "varlen_attn", None)


@lru_cache
def _varlen_options() -> frozenset[str]:
    function = _varlen()
    return frozenset(inspect.signature(function).parameters) if function else frozenset()


def _torch_varlen(  # noqa: PLR0913 what kernels have in common
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    documents: Documents,
    scaling: float | None,
    *,
    causal: bool = True,
) -> torch.Tensor:
    """Call torch's own kernel, whose options were renamed between releases."""
    function, options = _varlen(), _varlen_options()
    assert function is not None
    window = (-1, 0 if causal else -1)
    named: dict[str, Any] = {"is_causal": causal} if "is_causal" in options else {"window_size": window}
    if "enable_gqa" in options:  # where it is missing, fewer key heads are taken without being asked for
        named["enable_gqa"] = key.shape[1] != query.shape[1]
    if scaling is not None and "scale" in options:
        named["scale"] = scaling
    elif scaling is not None:
        query = query * (scaling * query.shape[-1] ** 0.5)
    edges, longest = documents.cu_seqlens, documents.longest
    return function(query, key, value, edges, edges, longest, longest, **named)
