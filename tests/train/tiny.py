"""Models of a few thousand parameters, of each family, and batches for them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

VOCABULARY = 512
_TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
_VISION = {"depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
_ROPE = {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": {"text_config": _TEXT | {"rope_scaling": _ROPE}, "vision_config": _VISION},
    "qwen3_vl": {
        "text_config": _TEXT | {"head_dim": 16, "rope_scaling": _ROPE | {"mrope_interleaved": True}},
        "vision_config": _VISION | {"deepstack_visual_indexes": [0]},
    },
    "qwen2": _TEXT,
    "llama": _TEXT,
}
FAMILIES = tuple(CONFIGURATIONS)


def configuration(family: str) -> dict[str, Any]:
    return {"model_type": family, **CONFIGURATIONS[family]}


def rows_of(family: str) -> int:
    return 4 if family.endswith("_vl") else 1


@lru_cache(maxsize=8)
def language_model(family: str, dtype: str = "float32") -> Any:
    from octomed.train.build import build_model, read_configuration

    return build_model(read_configuration(None, configuration(family)), dtype=dtype)


def fresh_model(family: str, dtype: str = "float32", **settings: Any) -> Any:
    from octomed.train.build import build_model, freeze_vision, read_configuration
    from octomed.train.model import OctomedModel

    inner = build_model(read_configuration(None, configuration(family)), dtype=dtype)
    freeze_vision(inner)
    return OctomedModel(inner, **settings)


def traces(count: int, seed: int = 3) -> list[dict[str, Any]]:
    """Traces as a pack holds them: ids, and which of them are learned; one has nothing to learn."""
    draw = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        length = int(torch.randint(2, 40, (1,), generator=draw))
        ids = torch.randint(0, VOCABULARY, (length,), generator=draw)
        learned = torch.rand(length, generator=draw) < (0.0 if number == 1 else 0.6)
        made.append({"id": number, "ids": ids, "learned": learned})
    return made


def batch_of(packs: list[list[dict[str, Any]]], rows: int) -> dict[str, Any]:
    """The collator of the contract, written the slow way."""
    documents = [trace for pack in packs for trace in pack]
    labels = []
    for trace in documents:
        label = torch.where(trace["learned"], trace["ids"], -100)
        label[0] = -100
        labels.append(label)
    lengths = [len(trace["ids"]) for trace in documents]
    positions = torch.cat([torch.arange(length) for length in lengths])
    return {
        "packs": torch.tensor([[sum(len(one["ids"]) for one in pack), len(pack)] for pack in packs]),
        "input_ids": torch.cat([trace["ids"] for trace in documents])[None],
        "labels": torch.cat(labels)[None],
        "position_ids": positions.expand(rows, 1, -1) if rows > 1 else positions[None],
        "cu_seqlens": torch.tensor([0, *lengths]).cumsum(0).to(torch.int32),
        "max_length": max(lengths),
        "trace_ids": torch.tensor([trace["id"] for trace in documents]),
        "supervised_tokens": torch.tensor([int((label != -100).sum()) for label in labels]),
    }
