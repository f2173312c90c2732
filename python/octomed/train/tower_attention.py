"""Attention of a vision tower inside stretches of patches, windows or whole images, in one call a layer.

Stock towers make a call a window, image and layer where flash-attn is missing. Here the tower's attention
modules are given a `forward` that takes all stretches at once, and stretches cannot see each other because
nothing else is ever computed. A stock call of the tower still runs the stock code.
"""

from __future__ import annotations

import sys
from functools import cached_property
from types import MethodType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from octomed.errors import InternalError
from octomed.train.attention import varlen_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Rotate = Callable[..., tuple[torch.Tensor, torch.Tensor]]
    """Of queries, keys, cosines and sines."""

_ROTATE = "apply_rotary_pos_emb_vision"
"""What both families call the rotation of queries and keys, in the module of their attention."""


class Stretches:
    """Where the stretches lie that patches attend inside of.

    Not frozen, and no dataclass: a compiled layer would check every value of those anew.

    Parameters
    ----------
    cu_seqlens
        Edges over the patches, int32 of shape [S + 1], on the device.
    lengths
        Patches of each stretch, on the host.
    """

    def __init__(self, cu_seqlens: torch.Tensor, lengths: NDArray[np.int64]) -> None:
        self.cu_seqlens = cu_seqlens
        self.lengths = lengths

    @cached_property
    def longest(self) -> int:
        """Patches of the longest."""
        return int(self.lengths.max())

    @cached_property
    def groups(self) -> list[tuple[int, int]]:
        """Lengths, and how many stretches have each; shortest first."""
        lengths, counts = np.unique(self.lengths, return_counts=True)
        return list(zip(lengths.tolist(), counts.tolist(), strict=True))

    @cached_property
    def by_length(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Order of the patches in which stretches of equal length stand together, and the order back.

        None where they do anyway.
        """
        order = np.argsort(self.lengths, kind="stable")
        if (np.diff(order) == 1).all():
            return None
        lengths, begins = self.lengths[order], np.cumsum(self.lengths) - self.lengths
        shifts = begins[order] - (np.cumsum(lengths) - lengths)
        patches = np.arange(lengths.sum()) + np.repeat(shifts, lengths)
        back = np.argsort(patches)
        device = self.cu_seqlens.device
        return torch.from_numpy(patches).to(device), torch.from_numpy(back).to(device)


class AttentionInput:
    """What a layer of the tower is given beside its hidden states, in the place of stock's `cu_seqlens`.

    One object, whose tensors FSDP2's mixed precision does not find: rotations stay in float32.

    Parameters
    ----------
    stretches
        That this layer attends inside of.
    rotate
        The tower's own rotation of queries and keys, from `take_over`.
    cos, sin
        Of the rotations, [patches, width of a head].
    """

    def __init__(self, stretches: Stretches, rotate: Rotate, cos: torch.Tensor, sin: torch.Tensor) -> None:
        self.stretches = stretches
        self.rotate = rotate
        self.cos = cos
        self.sin = sin


def take_over(tower: torch.nn.Module) -> Rotate:
    """Give a tower's attention modules the `forward` below; doing so twice is harmless.

    Parameters
    ----------
    tower
        Of Qwen2.5-VL or Qwen3-VL; its layers may be wrapped.

    Returns
    -------
    Callable
        How its layers rotate queries and keys.

    Raises
    ------
    InternalError
        When it has no attention modules, or none that is known.
    """
    modules: list[Any] = [one for one in tower.modules() if type(one).__name__.endswith("VisionAttention")]
    rotations = {getattr(sys.modules[type(one).__module__], _ROTATE, None) for one in modules}
    if len(rotations) != 1 or None in rotations:
        raise InternalError(
            f"the attention of `{type(tower).__name__}` is not as known",
            "docs/training.md says which versions of transformers training was tested with",
        )
    for module in modules:
        module.forward = MethodType(forward, module)
    return cast("Rotate", rotations.pop())


def forward(self: Any, hidden_states: torch.Tensor, cu_seqlens: Any, **named: Any) -> Any:  # noqa: ANN401 as stock
    """Attend inside all stretches at once; called by `transformers`' layer with its own arguments.

    Parameters
    ----------
    self
        The attention module.
    hidden_states
        [patches, width].
    cu_seqlens
        An `AttentionInput`; edges, as stock layers give them, are left to the stock code.
    **named
        What stock layers pass on.

    Returns
    -------
    Tensor
        [patches, width].
    """
    if not isinstance(cu_seqlens, AttentionInput):
        return type(self).forward(self, hidden_states, cu_seqlens, **named)
    query, key, value = self.qkv(hidden_states).reshape(len(hidden_states), 3, self.num_heads, -1).unbind(1)
    query, key = cu_seqlens.rotate(query, key, cu_seqlens.cos, cu_seqlens.sin)
    attended = attend(query, key, value, cu_seqlens.stretches, self.scaling)
    return self.proj(attended.reshape(len(hidden_states), -1))


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, stretches: Stretches, scaling: float
) -> torch.Tensor:
    """Attend inside each stretch, to all of it.

    A compiled layer calls it as it is: stretches come in any number and length.

    Parameters
    ----------
    query, key, value
        [patches, heads, width].
    stretches
        Where they lie.
    scaling
        Factor of the scores.

    Returns
    -------
    Tensor
        [patches, heads, width].
    """
    kernel = varlen_kernel(query.device.type, query.dtype)
    if kernel is not None:
        return kernel(query, key, value, stretches, scaling, causal=False)
    return _length_by_length(query, key, value, stretches, scaling)


def _length_by_length(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, stretches: Stretches, scaling: float
) -> torch.Tensor:
    """Make one call of scaled dot-product attention for all stretches of a length."""
    order = stretches.by_length
    packed = [query, key, value]
    if order is not None:
        packed = [part.index_select(0, order[0]) for part in packed]
    parts, begin = [], 0
    for length, count in stretches.groups:
        some = (part[begin : begin + length * count] for part in packed)
        parts.append(_batched(some, length, scaling))
        begin += length * count
    attended = parts[0] if len(parts) == 1 else torch.cat(parts)
    return attended if order is None else attended.index_select(0, order[1])


def _batched(parts: Iterator[torch.Tensor], length: int, scaling: float) -> torch.Tensor:
    """Attend inside stretches of one length that stand one after another."""
    attend_to: Any = torch.nn.functional.scaled_dot_product_attention
    rows = (part.reshape(-1, length, *part.shape[1:]).transpose(1, 2) for part in parts)
    return attend_to(*rows, scale=scaling).transpose(1, 2).flatten(0, 1)
