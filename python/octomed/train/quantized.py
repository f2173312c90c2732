"""Weights of linear layers in 4 bits (NF4, arXiv 2305.14314), by bitsandbytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from transformers import PreTrainedModel


def quantize(language_model: PreTrainedModel, modules: Iterable[str]) -> None:
    """Keep the weights of linear layers in 4 bits; products are taken in the type that they had.

    Where the model is on a CPU, weights become 4 bits there; that is before a GPU holds any of it.

    Parameters
    ----------
    language_model
        Changed in place.
    modules
        Whole names of its linear layers.

    Raises
    ------
    RecipeError
        When bitsandbytes is not installed.
    """
    packed = bitsandbytes("model.lora.quantize")
    for name in modules:
        linear: Any = language_model.get_submodule(name)
        weight: torch.Tensor = linear.weight.data
        made = packed.nn.Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            compute_dtype=weight.dtype,
            quant_type="nf4",
            device="meta",
        )
        made.weight = packed.nn.Params4bit(weight, requires_grad=False, quant_type="nf4", module=made)
        made.bias = linear.bias
        # On some CPUs it would take products of evaluation in bfloat16, and of weights that it packs anew.
        made.support_avx512bf16_for_cpu = False
        parent, _, child = name.rpartition(".")
        setattr(language_model.get_submodule(parent), child, made.to(weight.device))


def dequantized(linear: Any) -> torch.Tensor:  # noqa: ANN401 of bitsandbytes
    """Return the weights that a linear layer of 4 bits computes with, [outputs, inputs]."""
    packed = bitsandbytes("model.lora.quantize")
    weight: torch.Tensor = packed.functional.dequantize_4bit(linear.weight.data, linear.weight.quant_state)
    return weight


def is_quantized(linear: Any) -> bool:  # noqa: ANN401 any module
    """Tell whether a linear layer's weights are kept in 4 bits."""
    return getattr(linear.weight, "quant_state", None) is not None


def bitsandbytes(key: str) -> Any:  # noqa: ANN401 a package without types
    """Return the package.

    Raises
    ------
    RecipeError
        When it is not installed; naming the key that needs it.
    """
    try:
        import bitsandbytes as found  # noqa: PLC0415 an extra
    except ImportError as error:
        message = f"`{key}` needs the package `bitsandbytes`, which is not installed"
        raise RecipeError(message, "pip install bitsandbytes") from error
    return found
