"""What is done to layers before training: some are computed twice, all may be compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from octomed.train.build import vision_tower
from octomed.train.network import decoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def chosen_layers(layers: int, share: float) -> list[int]:
    """Return which layers a share of all means, spread evenly over the depth.

    Parameters
    ----------
    layers
        How many there are.
    share
        From 0, none, to 1, all; rounded down to whole layers.
    """
    return [layer for layer in range(layers) if int((layer + 1) * share) > int(layer * share)]


def recompute_layers(model: torch.nn.Module, language_model: PreTrainedModel, share: float) -> None:
    """Have layers compute their activations again in the backward pass, instead of keeping them.

    Parameters
    ----------
    model
        What Composer trains.
    language_model
        The model of `transformers` inside it.
    share
        Of the decoder's layers, and of the vision tower's where they are trained; frozen, they keep nothing.
        What memory is left for is cheaper kept than computed twice.
    """
    from composer.distributed.activation_checkpointing import apply_ac  # noqa: PLC0415 loads much

    stacks = [decoder(language_model).layers]
    tower = _tower_layers(language_model)
    if any(one.requires_grad for one in tower.parameters()):
        stacks.append(tower)
    chosen = {id(layers[number]) for layers in stacks for number in chosen_layers(len(layers), share)}
    apply_ac(model, True, False, lambda module: id(module) in chosen)


def compile_layers(language_model: PreTrainedModel, backend: str = "inductor") -> None:
    """Have `torch.compile` fuse what lies between a layer's matrix products: norms, rotation, gates, sums.

    Layer by layer, because all of them share one compilation, and checkpointing and FSDP2 wrap whole layers.
    Attention is left out: its kernel is compiled already, and takes documents, windows and images of any
    number.

    Parameters
    ----------
    language_model
        Changed in place; parameters keep their names.
    backend
        Of `torch.compile`.
    """
    for layer in (*decoder(language_model).layers, *_tower_layers(language_model)):
        layer.forward = torch.compile(layer.forward, dynamic=True, backend=backend)


def _tower_layers(language_model: PreTrainedModel) -> torch.nn.ModuleList:
    """Return the layers of the vision tower; of a text model, none."""
    tower: Any = vision_tower(language_model)
    return torch.nn.ModuleList() if tower is None else tower.blocks
