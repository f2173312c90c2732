"""A causal language model of `transformers` fed packs, its loss computed inside its own forward.

The loss is inside because under FSDP2 the output layer's weight is whole only while the root's forward runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch

from octomed.errors import DataError
from octomed.stream.contract import check_images, check_text
from octomed.train import attention
from octomed.train.loss import IGNORED, liger_cross_entropy, weighted_cross_entropy
from octomed.train.placeholders import places_of
from octomed.train.tower import Tower, unrounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel

    from octomed.stream.images import Vision
    from octomed.train.tower import Features

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
    vision
        How the run's images are prepared; ``None`` for a run of text, which leaves the tower alone.
    """

    def __init__(
        self,
        language_model: PreTrainedModel,
        *,
        weighting: Weighting = "token",
        tokens_at_once: int = 1024,
        implementation: Literal["torch", "liger"] = "torch",
        vision: Vision | None = None,
    ) -> None:
        super().__init__()
        attention.register()
        self.language_model = language_model
        self.weighting: Weighting = weighting
        self.tokens_at_once = tokens_at_once
        self.implementation = implementation
        self.layer_type = type(decoder(language_model).layers[0])
        self.vision = vision
        self.tower = None if vision is None else Tower(language_model, vision)
        if vision is not None:
            add_deep_features_by_place(language_model)

    def __call__(self, batch: Mapping[str, Any], **wanted: Any) -> Any:  # noqa: ANN401 of `forward`
        """Run `forward`, before which FSDP2 casts what it finds in the batch."""
        return super().__call__(unrounded(batch), **wanted)

    def forward(
        self, batch: Mapping[str, Any], *, want: str = "loss", positions: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean loss of a microbatch, or what the tests of isolation look at.

        Parameters
        ----------
        batch
            The batch contract of `octomed.stream`.
        want
            ``loss``; ``hidden``, the last hidden states [T, width]; or ``logits`` [T, vocabulary].
        positions
            Tokens whose logits are wanted, [N]; all if left out.

        Raises
        ------
        DataError
            When the batch has a key that the contract does not know, images that would be left out, or more
            of them than memory.
        """
        check_text(batch) if self.tower is None else check_images(batch)
        hidden = self._hidden(batch)
        if want == "hidden":
            return hidden
        if want == "logits":
            return self.language_model.lm_head(hidden if positions is None else hidden[positions])
        total = self._total_loss(hidden, batch)
        return total / max(1, loss_units(batch, self.weighting))

    def fsdp_wrap_fn(self, module: torch.nn.Module) -> bool:
        """Tell Composer which modules FSDP2 shards as units: the decoder's layers, and the vision tower's."""
        return self._is_layer(module)

    def _is_layer(self, module: torch.nn.Module) -> bool:
        return isinstance(module, self.layer_type) or type(module).__name__.endswith("VisionBlock")

    def _hidden(self, batch: Mapping[str, Any]) -> torch.Tensor:
        documents = attention.Documents(batch["cu_seqlens"], int(batch["max_length"]))
        common = {"position_ids": batch["position_ids"], "use_cache": False, "documents": documents}
        if self.tower is None:
            outputs = self.language_model.model(input_ids=batch["input_ids"], **common)
        else:
            inputs = self.decoder_inputs(batch)
            outputs = decoder(self.language_model)(input_ids=None, **inputs, **common)
        return outputs.last_hidden_state[0]

    def decoder_inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the decoder takes instead of ids: embeddings, and features for its first layers.

        Parameters
        ----------
        batch
            The batch contract of `octomed.stream`, as `unrounded` gives it, for a network with a tower.
        """
        assert self.tower is not None
        assert self.vision is not None
        embeddings = decoder(self.language_model).embed_tokens(batch["input_ids"])
        if not batch["image_sizes"]:
            dummy = self.tower.smallest(embeddings.device)
            return {"inputs_embeds": _with_nothing_of(self._features({**batch, **dummy}), embeddings)}
        features = self._features(batch)
        places = places_of(batch, self.vision.image_token_id)
        merged = features.merged[places.features].to(embeddings.dtype)
        inputs = {"inputs_embeds": embeddings.index_copy(1, places.tokens, merged[None])}
        if features.deep:
            inputs["visual_pos_masks"] = places.tokens
            inputs["deepstack_visual_embeds"] = [one[places.features] for one in features.deep]
        return inputs

    def _features(self, batch: Mapping[str, Any]) -> Features:
        assert self.tower is not None
        try:
            return self.tower(batch)
        except torch.OutOfMemoryError as error:
            raise _too_many_patches(batch) from error

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


def add_deep_features_by_place(language_model: PreTrainedModel) -> None:
    """Have a decoder add features to its first layers at places that are numbers, as `places_of` gives them.

    Qwen3-VL's own way takes a mask, and asks the device six times a layer how many places that is.

    Parameters
    ----------
    language_model
        Changed in place; one without such features stays as it is.
    """
    text = decoder(language_model)
    if hasattr(text, "_deepstack_process"):
        text._deepstack_process = _add_by_place  # noqa: SLF001 a method of theirs


def _add_by_place(hidden: torch.Tensor, places: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    return hidden.index_add(1, places, features.to(hidden.dtype)[None])


def _with_nothing_of(features: Features, embeddings: torch.Tensor) -> torch.Tensor:
    """Add zero times the dummy's features: the tower's parameters get gradients as on the other ranks."""
    parts = [part for part in (features.merged, *features.deep) if part.requires_grad]
    nothing = sum((0 * part.sum(dtype=torch.float32) for part in parts), start=torch.zeros(()))
    return embeddings + nothing.to(embeddings) if parts else embeddings


def _too_many_patches(batch: Mapping[str, Any]) -> DataError:
    patches, images = len(batch["image_patches"]), len(batch["image_sizes"])
    return DataError(
        f"the vision tower ran out of memory on {patches:,} patches of {images:,} images in a microbatch",
        f"pack again with `--set pack.max_patches={max(1, patches // 2)}`, or a number that fits; "
        "`device_train_microbatch_size: 1`, `model.activation_checkpointing: true` and `fsdp_config: {}` "
        "save memory, too",
    )


def decoder(language_model: PreTrainedModel) -> Any:  # noqa: ANN401 a class of each family
    """Return the text decoder: the module with `layers`."""
    inner = language_model.model
    return getattr(inner, "language_model", inner)
