"""What checkpoints and exports hold of a model with adapters.

A checkpoint holds what is trained, and a digest of the weights that it was trained on, which stay where they
came from. An export holds whole weights again, or the adapters alone.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from octomed.errors import RecipeError
from octomed.train.adapters import NAME
from octomed.train.quantized import dequantized, is_quantized

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from octomed.train.model import OctomedModel

State = dict[str, torch.Tensor]

_BASE = "base_digest"
_PACKING = ".base_layer.weight."
_WRAPPED = "_checkpoint_wrapped_module."
_LORA = re.compile(rf"(.+)\.lora_([AB])\.{NAME}\.weight")


def keep_what_is_trained(model: OctomedModel, base: str, source: str) -> None:
    """Have checkpoints of a model hold what is trained and a digest of the base, and read no others.

    Parameters
    ----------
    model
        With adapters; before Composer wraps or shards it.
    base
        Digest of the weights that the adapters were added to.
    source
        Where those are from, for messages.
    """
    _BaseOf(base, source).attach(model)


class _BaseOf:
    """The base of a model's adapters, as its checkpoints have it."""

    def __init__(self, base: str, source: str) -> None:
        self.source = source
        self.expected = torch.tensor(list(bytes.fromhex(base)), dtype=torch.uint8)

    def attach(self, model: Any) -> None:  # noqa: ANN401 attributes of a module
        """Have the model's state be written and read through this."""
        # Zeros until a checkpoint is read: where one lacks the digest, torch fills in what is here.
        model.register_buffer(_BASE, torch.zeros_like(self.expected))
        # The name by which Composer asks for all weights, frozen ones included, when it shards a model.
        model.should_save_peft_only = True
        model.register_state_dict_post_hook(partial(self.leave_out))  # torch gives it an attribute
        model.register_load_state_dict_pre_hook(self.check)

    def leave_out(self, model: Any, state: dict[str, Any], prefix: str, _: object) -> None:  # noqa: ANN401
        """Leave out what is not trained, and how weights of 4 bits are packed: no name for torch."""
        kept = {prefix + name for name in _trained(model)}
        for key in list(state):
            packing = _PACKING in key
            if packing or (model.should_save_peft_only and key.replace(_WRAPPED, "") not in kept):
                del state[key]
        # A copy: torch reads a sharded checkpoint into the state that it is given.
        state[prefix + _BASE] = self.expected.clone().to(model.get_buffer(_BASE).device)

    def check(self, model: torch.nn.Module, state: Mapping[str, Any], prefix: str, *_: object) -> None:
        """Refuse a state of other adapters, or of another base."""
        found = state.get(prefix + _BASE)
        missing = [name for name in _trained(model) if prefix + name not in state]
        if found is None or not found.any() or missing:
            raise RecipeError(
                "the checkpoint holds no adapter as this recipe wants it",
                "resume one that was trained with the same `model.lora`",
            )
        if not torch.equal(found.cpu(), self.expected):
            raise RecipeError(
                f"the checkpoint's adapter was trained on another base than `{self.source}`: its weights are "
                f"{_shown(found)}, and these are {_shown(self.expected)}",
                "set `model.pretrained_model_name_or_path` to the base that it was trained on",
            )


def _trained(model: torch.nn.Module) -> list[str]:
    named = model.named_parameters()
    return [name.replace(_WRAPPED, "") for name, one in named if one.requires_grad]


def _shown(found: torch.Tensor) -> str:
    return bytes(found.tolist()).hex()[:12]


def merged(model: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> State:
    """Return the weights of the model that the adapters make: the base as it was trained, and what they add.

    Weights in 4 bits are those that they stand for, in the type that the layer computes in.

    Parameters
    ----------
    model
        The model of `transformers`, with adapters.
    state
        All of its weights, whole, by name.
    """
    whole = {
        name.replace(".base_layer.", "."): value
        for name, value in state.items()
        if not _LORA.fullmatch(name) and _PACKING not in name
    }
    adapted: list[tuple[str, Any]] = [
        (name.replace(_WRAPPED, ""), one) for name, one in model.named_modules() if hasattr(one, "lora_A")
    ]
    for name, module in adapted:
        weight = whole[f"{name}.weight"]
        if is_quantized(module.base_layer):
            weight = dequantized(module.base_layer).to(weight.device)
        down, up = (state[f"{name}.lora_{side}.{NAME}.weight"] for side in "AB")
        exact = torch.promote_types(torch.float32, weight.dtype)
        added = (up.to(exact) @ down.to(exact)) * module.scaling[NAME]
        whole[f"{name}.weight"] = (weight.to(exact) + added).to(weight.dtype)
    return whole


def write_adapter(
    model: Any,  # noqa: ANN401 of transformers
    state: Mapping[str, torch.Tensor],
    folder: Path,
    source: str | None,
) -> None:
    """Write the adapters alone, as `peft` loads them.

    Parameters
    ----------
    model
        The model of `transformers`, with adapters.
    state
        Their weights at least, whole, by name.
    folder
        Where to write.
    source
        Folder or hub id of the base.
    """
    folder.mkdir(parents=True)
    own = {
        f"base_model.model.{found[1]}.lora_{found[2]}.weight": value.contiguous()
        for name, value in state.items()
        if (found := _LORA.fullmatch(name))
    }
    save_file(own, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    configuration = model.peft_config[NAME].to_dict() | {
        "base_model_name_or_path": source,
        "inference_mode": True,
    }
    plain = {key: sorted(one) if isinstance(one, set) else one for key, one in configuration.items()}
    (folder / "adapter_config.json").write_text(
        json.dumps(plain, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
