"""Configurations of the models that are measured: the published shapes, for random weights, without a hub."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

_QWEN2_5_VL_7B = {
    "model_type": "qwen2_5_vl",
    "tie_word_embeddings": False,
    "text_config": {
        "vocab_size": 152_064,
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "max_position_embeddings": 128_000,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0,
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [16, 24, 24]},
        "tie_word_embeddings": False,
    },
    "vision_config": {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "out_hidden_size": 3584},
}
_QWEN3_VL_4B: dict[str, Any] = {
    "model_type": "qwen3_vl",
    "tie_word_embeddings": True,
    "text_config": {
        "vocab_size": 151_936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 262_144,
        "rope_theta": 5_000_000.0,
        "rope_scaling": {"rope_type": "default", "mrope_section": [24, 20, 20], "mrope_interleaved": True},
        "tie_word_embeddings": True,
    },
    "vision_config": {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "out_hidden_size": 2560,
        "deepstack_visual_indexes": [5, 11, 17],
    },
}
_QWEN3_VL_8B = {
    "model_type": "qwen3_vl",
    "tie_word_embeddings": False,
    "text_config": _QWEN3_VL_4B["text_config"]
    | {"hidden_size": 4096, "intermediate_size": 12_288, "tie_word_embeddings": False},
    "vision_config": {
        "depth": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "out_hidden_size": 4096,
        "deepstack_visual_indexes": [8, 16, 24],
    },
}
_TINY = {
    "model_type": "qwen2_5_vl",
    "tie_word_embeddings": False,
    "text_config": {
        "vocab_size": 4096,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 16_384,
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]},
        "tie_word_embeddings": False,
    },
    "vision_config": {
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
    },
    "image_token_id": 4094,
    "video_token_id": 4095,
    "vision_start_token_id": 4091,
    "vision_end_token_id": 4092,
}
TINY = "tiny"
SHAPES: dict[str, dict[str, Any]] = {
    "qwen2.5-vl-7b": _QWEN2_5_VL_7B,
    "qwen3-vl-4b": _QWEN3_VL_4B,
    "qwen3-vl-8b": _QWEN3_VL_8B,
    TINY: _TINY,
}


def shape(name: str, layers: int | None = None) -> dict[str, Any]:
    """A model's configuration.

    Parameters
    ----------
    name
        Of `SHAPES`.
    layers
        Decoder layers instead of the shape's own.
    """
    values = deepcopy(SHAPES[name])
    if layers is not None:
        values["text_config"]["num_hidden_layers"] = layers
    return values
