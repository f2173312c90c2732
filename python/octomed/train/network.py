"""A causal language model of `transformers` fed packs, its loss computed inside its own forward.

The loss is inside because under FSDP2 the output layer's weight is whole only while the root's forward runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch

from octomed.stream.contract import check_text
from octomed.train import attention
from octomed.train.loss import IGNORED, liger_cross_entropy, weighted_cross_entropy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel

Weighting = Literal["token", "trace"]
"""What weighs the same in the loss: every supervised token, or every trace that has any."""


class PackedNetwork(torch.nn.Module):
    """A model of `transformers` whose rows are packs.

    Parameters
    ----------
    language_model
        A model for causal language modelling, or of the Qwen-VL families, made by `octomed.train.build`.
    weighting
        What the loss is a mean over.
    tokens_at_once
        Tokens whose logits exist at the same time.
    implementation
        Of the loss: ``torch``, or ``liger``, which takes neither weights nor a CPU.
    """

    def __init__(
        self,
        language_model: PreTrainedModel,
        *,
        weighting: Weighting = "token",
        tokens_at_once: int = 1024,
        implementation: Literal["torch", "liger"] = "torch",
    ) -> None:
        super().__init__()
        attention.register()
        self.language_model = language_model
        self.weighting: Weighting = weighting
        self.tokens_at_once = tokens_at_once
        self.implementation = implementation
        self.layer_type = type(decoder(language_model).layers[0])

    def forward(self, batch: Mapping[str, Any], *, want: str = "loss") -> torch.Tensor:
        """Return the mean loss of a microbatch, or what the tests of isolation look at.

        Parameters
        ----------
        batch
            The batch contract of `octomed.stream`.
        want
            ``loss``; ``hidden``, the last hidden states [T, width]; or ``logits`` [T, vocabulary].

        Raises
        ------
        DataError
            When the batch has a key that the contract does not know, or images, which would be left out.
        """
        check_text(batch)
        hidden = self._hidden(batch)
        if want == "hidden":
            return hidden
        if want == "logits":
            return self.language_model.lm_head(hidden)
        total = self._total_loss(hidden, batch)
        return total / max(1, loss_units(batch, self.weighting))

    def fsdp_wrap_fn(self, module: torch.nn.Module) -> bool:
        """Tell Composer which modules FSDP2 shards as units: the decoder's layers, and the vision tower's."""
        return self._is_layer(module)

    def _is_layer(self, module: torch.nn.Module) -> bool:
        return isinstance(module, self.layer_type) or type(module).__name__.endswith("VisionBlock")

    def _hidden(self, batch: Mapping[str, Any]) -> torch.Tensor:
        documents = attention.Documents(batch["cu_seqlens"], int(batch["max_length"]))
        outputs = self.language_model.model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            use_cache=False,
            documents=documents,
        )
        return outputs.last_hidden_state[0]

    def _total_loss(self, hidden: torch.Tensor, batch: Mapping[str, Any]) -> torch.Tensor:
        targets = batch["labels"][0, 1:]
        learned = torch.nonzero(targets != IGNORED)[:, 0]
        matrix = self.language_model.lm_head.weight
        if self.implementation == "liger":
            return liger_cross_entropy(hidden[learned], matrix, targets[learned])
        return weighted_cross_entropy(
            hidden[learned],
            matrix,
            targets[learned],
            self._token_weights(batch, hidden)[learned + 1],
            tokens_at_once=self.tokens_at_once,
        )

    def _token_weights(self, batch: Mapping[str, Any], hidden: torch.Tensor) -> torch.Tensor:
        exact = torch.float64 if hidden.dtype == torch.float64 else torch.float32
        if self.weighting == "token":
            return torch.ones(len(hidden), dtype=exact, device=hidden.device)
        of_document = 1 / batch["supervised_tokens"].clamp(min=1).to(exact)
        return of_document.repeat_interleave(torch.diff(batch["cu_seqlens"]))


def loss_units(batch: Mapping[str, Any], weighting: Weighting) -> int:
    """Return how many tokens, or traces, a microbatch's loss is a mean over.

    Examples
    --------
    >>> batch = {"supervised_tokens": torch.tensor([30, 0, 12])}  # of three documents
    >>> loss_units(batch, "token"), loss_units(batch, "trace")
    (42, 2)
    """
    counts = batch["supervised_tokens"]
    return int((counts if weighting == "token" else counts > 0).sum())


def decoder(language_model: PreTrainedModel) -> Any:  # noqa: ANN401 a class of each family
    """Return the text decoder: the module with `layers`."""
    inner = language_model.model
    return getattr(inner, "language_model", inner)
