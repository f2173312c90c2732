"""Floating-point operations of training on documents, and what a device can do of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FORMULA = (
    "6 * (decoder_matrices * tokens + output_layer * supervised_tokens"
    " + attention * sum of squared document lengths); attention = layers * heads * width of a head,"
    " the causal half of 12. Counted: the trained matrices of the decoder's layers for every token that is"
    " not padding, the output layer for supervised tokens alone. Not counted: the embedding table (a lookup),"
    " norms and biases, the frozen vision tower, padding, recomputation. The count is of the traces, so it is"
    " the same for all ways."
)
PEAKS = (
    (r"H100 PCIe", 756e12),
    (r"H100 .*HBM3", 989.4e12),
    (r"H200", 989.4e12),
    (r"B200", 2_250e12),
    (r"A100", 312e12),
    (r"L40S", 362e12),
)
"""Dense bfloat16 operations a second by the makers' data sheets, by the name that torch gives a device."""


@dataclass(frozen=True)
class Work:
    """What of a model its operations follow from."""

    decoder_matrices: int
    output_layer: int
    attention: int

    def operations(self, tokens: int, supervised: int, squares: int) -> float:
        """Operations of a training step: forward pass, and twice that for the backward pass.

        Parameters
        ----------
        tokens, supervised
            Tokens, and those that are learned.
        squares
            Sum of squared lengths of the documents.
        """
        return 6.0 * (
            self.decoder_matrices * tokens + self.output_layer * supervised + self.attention * squares
        )


def work_of(model: PreTrainedModel) -> Work:
    """The counts of a model."""
    from octomed.train.network import decoder

    text: Any = model.config.get_text_config()
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    layers = decoder(model).layers.parameters()
    return Work(
        sum(one.numel() for one in layers if one.ndim > 1),
        model.lm_head.weight.numel(),
        text.num_hidden_layers * text.num_attention_heads * width,
    )


def parameters_of(model: PreTrainedModel) -> dict[str, int]:
    """Parameters by what becomes of them; a tied output layer is the embedding table itself."""
    table = model.get_input_embeddings().weight
    return {
        "trained": sum(one.numel() for one in model.parameters() if one.requires_grad),
        "frozen_vision": sum(one.numel() for one in model.parameters() if not one.requires_grad),
        "embedding_table": table.numel(),
        "tied": int(model.lm_head.weight is table),
    }


def peak_of(device: str) -> float | None:
    """Operations a second of a device by name; None where its name is not known."""
    return next((peak for name, peak in PEAKS if re.search(rf"\b{name}\b", device)), None)
