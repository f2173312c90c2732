"""What a training step spends on a pack, by the model's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.stream.costs import Costs
from octomed.train.build import text_configuration

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_TRAINED = 6.0
"""Operations for each parameter of a matrix: forward, and twice that backward."""
_ADAPTED = 4.0
"""Of weights that stay as they are, and that gradients go through: no gradient of their own."""
_FROZEN = 2.0


def costs_of(configuration: PretrainedConfig, *, frozen_vision: bool, adapters: bool = False) -> Costs:
    """Return what a model spends on tokens, documents and images, in floating-point operations.

    Recomputation is left out, which changes no pack's share by much. The output layer counts for all
    tokens, since the provenance does not say which are learned.

    Parameters
    ----------
    configuration
        Of the model.
    frozen_vision
        Whether the vision tower is not trained.
    adapters
        Whether the decoder's weights stay as they are, beside adapters that are trained.

    Examples
    --------
    >>> from octomed.train.build import read_configuration
    >>> configuration = read_configuration(
    ...     None,
    ...     {
    ...         "model_type": "qwen2",
    ...         "vocab_size": 32,
    ...         "hidden_size": 8,
    ...         "intermediate_size": 16,
    ...         "num_hidden_layers": 1,
    ...         "num_attention_heads": 2,
    ...         "num_key_value_heads": 2,
    ...     },
    ... )
    >>> costs_of(configuration, frozen_vision=True).token  # six for each of 640 + 256 weights
    5376.0
    """
    times = _ADAPTED if adapters else _TRAINED
    text = text_configuration(configuration)
    heads, wide = text.num_attention_heads, text.hidden_size
    width = getattr(text, "head_dim", None) or wide // heads
    of_keys = 2 * (getattr(text, "num_key_value_heads", None) or heads) * width
    layer = wide * (2 * heads * width + of_keys + 3 * text.intermediate_size)
    token = text.num_hidden_layers * layer + text.vocab_size * wide
    square = text.num_hidden_layers * heads * width  # the causal half of 12
    vision = getattr(configuration, "vision_config", None)
    if vision is None:
        return Costs(times * token, _TRAINED * square, 0.0, 0.0)
    seen = _FROZEN if frozen_vision else times
    return Costs(times * token, _TRAINED * square, seen * _a_patch(vision), seen * _a_pair(vision))


def _a_patch(vision: Any) -> float:  # noqa: ANN401 of transformers
    """Return the parameters that a patch goes through; four patches go through a merger as one."""
    wide, merged = vision.hidden_size, vision.hidden_size * vision.spatial_merge_size**2
    gated = getattr(vision, "fullatt_block_indexes", None) is not None  # of Qwen2.5-VL
    block = 4 * wide**2 + (3 if gated else 2) * wide * vision.intermediate_size
    mergers = 1 + len(getattr(vision, "deepstack_visual_indexes", None) or ())
    merger = merged * (merged + vision.out_hidden_size) / vision.spatial_merge_size**2
    return float(vision.depth * block + mergers * merger)


def _a_pair(vision: Any) -> float:  # noqa: ANN401 of transformers
    """Return what attention does for a pair of patches: in all blocks, or where it is not in windows."""
    whole = getattr(vision, "fullatt_block_indexes", None)
    return float(2 * vision.hidden_size * (vision.depth if whole is None else len(whole)))
