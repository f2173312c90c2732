"""The plan of memory for several ranks, against what torch's profiler counts on each of them."""

from __future__ import annotations

import math

import pytest

from .ranks import run_ranks
from .test_plan import counted, planned, recipe

CONFIG = {
    "model_type": "qwen2",
    "vocab_size": 2048,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
}


def on_a_rank(given, documents, sharded):
    """What `counted` counts, of a model that is sharded or copied."""
    import torch
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
    from torch.nn.parallel import DistributedDataParallel

    torch.distributed.init_process_group("gloo")

    def shard(model):
        if not sharded:
            return DistributedDataParallel(model)
        policy = MixedPrecisionPolicy(param_dtype=torch.float32, reduce_dtype=torch.float32)
        for module in [one for one in model.modules() if model.network.fsdp_wrap_fn(one)]:
            fully_shard(module, mp_policy=policy)
        return fully_shard(model, mp_policy=policy)

    return counted(given, documents, parallel=shard)


@pytest.mark.parametrize(
    ("sharded", "documents"),
    [
        (True, (40, 24)),
        pytest.param(True, (300, 500, 224), marks=pytest.mark.long),
        pytest.param(False, (40, 24), marks=pytest.mark.long),
        pytest.param(False, (300, 500, 224), marks=pytest.mark.long),
    ],
)
def test_ranks_take_what_was_planned(sharded, documents):
    given = recipe(
        CONFIG,
        fsdp_config={} if sharded else None,
        activation_checkpointing=True,
        loss={"tokens_at_once": 128},
    )
    expected, found = planned(given, documents, gpus=2), 0.0
    for _ in range(3):  # ranks free gathered weights as they meet, and hold less where they wait for a core
        found = max(found, *run_ranks(2, on_a_rank, given, documents, sharded))
        if math.isclose(expected, found, rel_tol=0.1):
            break
    assert math.isclose(expected, found, rel_tol=0.1)
