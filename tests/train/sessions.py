"""Whole training runs as ranks run them: from a recipe to weights, killed where a test says so."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import yaml

STEPS = 8
IMAGE_TOKENS = {
    "image_token_id": 4094,
    "video_token_id": 4095,
    "vision_start_token_id": 4091,
    "vision_end_token_id": 4092,
}
"""Of the sample's tokenizer."""


def write_recipe(
    folder: Path, packed: Path | str, *, streams: list[str] | None = None, **changes: Any
) -> Path:
    """A recipe for a tiny model over a packed run; `changes` go over its top keys."""
    values: dict[str, Any] = {
        "run_name": "tiny",
        "run_folder": str(folder / "run"),
        "model": {
            "config": {
                "model_type": "qwen2_5_vl",
                "text_config": {
                    "vocab_size": 4096,
                    "hidden_size": 32,
                    "intermediate_size": 64,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 2,
                    "num_key_value_heads": 1,
                    "max_position_embeddings": 512,
                    "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]},
                },
                "vision_config": {
                    "depth": 1,
                    "hidden_size": 32,
                    "intermediate_size": 32,
                    "num_heads": 2,
                    "out_hidden_size": 32,
                },
                **IMAGE_TOKENS,
            }
        },
        "train_loader": {
            "dataset": {"remote": str(packed), "local": str(folder / "cache"), "streams": streams},
            "num_workers": 1,
        },
        "optimizer": {"lr": 1e-2},
        "scheduler": {"name": "constant_with_warmup", "t_warmup": "2ba"},
        "max_duration": f"{STEPS}ba",
        "global_train_batch_size": 4,
        "precision": "fp32",
        "save_folder": str(folder / "checkpoints"),
        "save_interval": "2ba",
        "autoresume": True,
        "callbacks": {"report": None, "speed_monitor": None},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def train(path: Path, overrides: list[str] = (), kill: dict[str, Any] | None = None) -> dict[str, Any]:
    """Train, and return whole weights by name; `kill` names a rank, a step and an event of Composer's."""
    from composer.utils import dist
    from octomed.train import components
    from octomed.train.recipe import load_train_recipe
    from octomed.train.run import train as run
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    if kill is not None and kill["rank"] in (None, int(os.environ["RANK"])):
        whole = components.make_callbacks
        components.make_callbacks = lambda *given, **named: [*whole(*given, **named), _killer(kill)]
    trainer = run(load_train_recipe(path, list(overrides)))
    weights = get_model_state_dict(trainer.state.model, options=StateDictOptions(full_state_dict=True))
    dist.barrier()
    return {"weights": {name: value.clone() for name, value in weights.items()}}


def command(arguments: list[str]) -> int:
    """What `train.py` does, in a rank: the exit code."""
    from octomed.train.main import main

    return main(arguments)


def leaking_command(arguments: list[str]) -> int:
    """The same with an attention that sees across documents."""
    from octomed.train import attention

    def leak(_module, query, key, value, _mask, scaling=None, **_):
        import torch

        repeats = query.shape[1] // key.shape[1]
        both = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(query, *both, is_causal=True, scale=scaling).transpose(1, 2), None

    attention.ALL_ATTENTION_FUNCTIONS.register(attention.NAME, leak)
    attention.register = lambda: None
    return command(arguments)


def _killer(kill: dict[str, Any]) -> Any:
    from composer.core import Callback

    class Killer(Callback):
        def run_event(self, event, state, logger):
            del logger
            if event.value == kill["event"] and state.timestamp.batch.value >= kill["step"]:
                os.kill(os.getpid(), signal.SIGKILL)

    return Killer()


def traces_of_steps(folder: Path) -> dict[int, list[int]]:
    """Trace ids a step over all ranks, sorted."""
    from octomed.train.journal import read_journal

    steps: dict[int, list[int]] = {}
    for path in folder.glob("traces-rank*.jsonl"):
        for entry in read_journal(path):
            steps.setdefault(entry["step"], []).extend(entry["trace_ids"])
    return {step: sorted(ids) for step, ids in sorted(steps.items())}


def farthest(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Norm of the difference of all weights, over the norm of the second."""
    import torch

    names = sorted(other["weights"])
    assert sorted(one["weights"]) == names
    flat = [
        torch.cat([given["weights"][name].double().flatten() for name in names]) for given in (one, other)
    ]
    return float((flat[0] - flat[1]).norm() / flat[1].norm())


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Bit for bit."""
    import torch

    return one["weights"].keys() == other["weights"].keys() and all(
        torch.equal(one["weights"][name], other["weights"][name]) for name in other["weights"]
    )
