"""Keys and values of the tokens so far, a slot a response, and the attention that reads and writes them.

Prompts run as packs do in training: one after another in one row, kept apart by their edges. Then each
running response has a slot whose tokens begin at 0: nothing is padded, so nothing has to be masked but what a
longer neighbour has more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from octomed.train.attention import Documents, attention

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "octomed_generation"
"""What the attention is called in a configuration's `_attn_implementation`."""


class Work(Protocol):
    """What a forward pass is for; the layers' attention hands its tensors over."""

    def attend(
        self,
        module: Any,  # noqa: ANN401 a class of each family
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Keep keys and values of a layer, and return its output, [rows, tokens, heads, width]."""


class Slots:
    """Keys and values of running responses.

    Parameters
    ----------
    layers
        Of the decoder.
    heads
        Of keys and values.
    width
        Of a head.
    dtype, device
        Of the numbers.
    """

    def __init__(
        self, layers: int, heads: int, width: int, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self._shape = (heads, width)
        self._options: dict[str, Any] = {"dtype": dtype, "device": device}
        empty = torch.empty((0, heads, 0, width), **self._options)
        self._keys, self._values = [empty] * layers, [empty] * layers
        self.lengths: list[int] = []

    def layer(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values of a layer, each [slots, heads, columns, width]."""
        return self._keys[number], self._values[number]

    def reserve(self, slots: int, columns: int) -> None:
        """Have room for some slots of some tokens; what is kept stays."""
        heads, width = self._shape
        if self._keys[0].shape[0] == slots and self._keys[0].shape[2] == columns:
            return
        rows, used = len(self.lengths), max(self.lengths, default=0)
        for kept in (self._keys, self._values):
            for number, before in enumerate(kept):
                # not `empty`: a number that is none would come through the mask, as 0 times it is none
                kept[number] = torch.zeros((slots, heads, columns, width), **self._options)
                kept[number][:rows, :, :used] = before[:rows, :, :used]

    def remove(self, slot: int) -> None:
        """Free a slot: the last one takes its place."""
        length = self.lengths.pop()
        last = len(self.lengths)
        if slot == last:
            return
        for kept in (*self._keys, *self._values):
            kept[slot, :, :length] = kept[last, :, :length]
        self.lengths[slot] = length


class Prompts:
    """Work of prompts that stand one after another in a row.

    Parameters
    ----------
    slots
        Where they are kept: behind those that are there.
    lengths
        Tokens of each prompt.
    copies
        How many slots each prompt takes, as its responses differ by their seeds alone.
    """

    def __init__(self, slots: Slots, lengths: Sequence[int], copies: Sequence[int]) -> None:
        device = slots.layer(0)[0].device
        sizes = torch.tensor(lengths)
        edges = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
        self._slots = slots
        self._documents = Documents(edges.to(device), max(lengths))
        prompts = torch.arange(len(lengths)).repeat_interleave(torch.tensor(copies))
        shown = sizes[prompts]
        begins = (sizes.cumsum(0) - sizes)[prompts] - (shown.cumsum(0) - shown)
        tokens = torch.arange(int(shown.sum()))
        self._tokens = (tokens + begins.repeat_interleave(shown)).to(device)
        rows = torch.arange(len(shown)) + len(slots.lengths)
        self._rows = rows.repeat_interleave(shown).to(device)
        self._columns = (tokens - (shown.cumsum(0) - shown).repeat_interleave(shown)).to(device)
        slots.lengths += shown.tolist()

    def attend(
        self,
        module: Any,  # noqa: ANN401 a class of each family
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Attend inside of each prompt, as training does."""
        for kept, new in zip(self._slots.layer(module.layer_idx), (key, value), strict=True):
            kept[self._rows, :, self._columns] = new[0].transpose(0, 1)[self._tokens].to(kept.dtype)
        return attention(module, query, key, value, None, scaling=scaling, documents=self._documents)[0]


@dataclass(frozen=True)
class Step:
    """Work of the next token of each response.

    Attributes
    ----------
    slots
        All of them run.
    rows
        Their numbers, [slots].
    columns
        Where the token goes, [slots].
    longest
        Tokens of the longest, the new one included.
    bias
        0 where a slot has a token and minus infinity elsewhere, [slots, 1, 1, longest].
    """

    slots: Slots
    rows: torch.Tensor
    columns: torch.Tensor
    longest: int
    bias: torch.Tensor

    @classmethod
    def of(cls, slots: Slots) -> Step:
        """Prepare a step of all slots, and count its tokens."""
        kept = slots.layer(0)[0]
        longest = max(slots.lengths) + 1
        columns = torch.tensor(slots.lengths, device=kept.device)
        filled = torch.arange(longest, device=kept.device) <= columns[:, None]
        bias = torch.zeros(filled.shape, dtype=kept.dtype, device=kept.device)
        bias.masked_fill_(~filled, -torch.inf)
        rows = torch.arange(len(columns), device=kept.device)
        slots.lengths = [length + 1 for length in slots.lengths]
        return cls(slots, rows, columns, longest, bias[:, None, None])

    def attend(
        self,
        module: Any,  # noqa: ANN401 a class of each family
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Attend to all tokens of each slot.

        The query heads that share a head of keys stand as that head's queries: nothing is repeated.
        """
        keys, values = self.slots.layer(module.layer_idx)
        keys[self.rows, :, self.columns] = key[:, :, 0].to(keys.dtype)
        values[self.rows, :, self.columns] = value[:, :, 0].to(values.dtype)
        number, heads, _, width = query.shape
        shared = query.reshape(number, keys.shape[1], -1, width).to(keys.dtype)
        attend: Any = torch.nn.functional.scaled_dot_product_attention
        found = attend(
            shared,
            keys[:number, :, : self.longest],
            values[:number, :, : self.longest],
            attn_mask=self.bias,
            scale=scaling,
        )
        output: torch.Tensor = found.reshape(number, 1, heads, width)
        return output


def generation_attention(  # noqa: PLR0913 the signature that `transformers` calls
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    work: Work,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attend as the work of the forward pass says; no mask is built for this name.

    Parameters
    ----------
    module
        The layer that asks.
    query
        [rows, heads, tokens, width].
    key, value
        [rows, key heads, tokens, width].
    attention_mask
        Not there.
    work
        Of the forward pass.
    scaling
        Factor of the scores; one over the root of the width by default.

    Returns
    -------
    output : Tensor
        [rows, tokens, heads, width].
    None
        Weights are not kept.
    """
    del attention_mask
    return work.attend(module, query, key, value, scaling), None


def register() -> None:
    """Make the attention known to `transformers`; doing so twice is harmless."""
    ALL_ATTENTION_FUNCTIONS.register(NAME, generation_attention)
