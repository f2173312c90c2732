"""What all ways have in common: weights, optimizer, and what is said of them."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from bench.train.settings import LEARNING_RATE, Settings
from bench.train.shapes import shape
from bench.train.work import parameters_of, work_of
from octomed.train.build import build_model, freeze_vision, read_configuration
from octomed.train.loss import choose_implementation

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def model_of(settings: Settings) -> PreTrainedModel:
    """The model, its random weights drawn on the device, its vision tower frozen."""
    configuration = read_configuration(None, shape(settings.model, settings.layers))
    with torch.device(settings.device):
        model = build_model(configuration, seed=settings.seed, dtype=settings.dtype)
    freeze_vision(model)
    return model.train()


def optimizer_of(model: torch.nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """AdamW, in one kernel on a GPU: a list of kernels would hold roots of all second moments at once."""
    trained = [one for one in model.parameters() if one.requires_grad]
    fused = settings.device == "cuda"
    return torch.optim.AdamW(trained, lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=fused)


def described(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimizer's name, and the types that it really keeps; after its first step."""
    weights = optimizer.param_groups[0]["params"][0]
    inner: Any = getattr(optimizer, "optimizer", optimizer)
    state = next(iter(inner.state.values()))
    return {
        "name": type(inner).__name__,
        "fused": bool(inner.param_groups[0].get("fused")),
        "weights": _name(weights.dtype),
        "state": _name(state["exp_avg"].dtype),
    }


def facts_of(model: PreTrainedModel) -> dict[str, Any]:
    """What a model's operations follow from; taken before its layers are wrapped."""
    return {"parameters": parameters_of(model), "work": asdict(work_of(model))}


def loss_of(settings: Settings) -> Any:
    """Which implementation computes the loss of the packed and the padded way."""
    return choose_implementation("auto" if settings.liger else "torch", settings.device, "token")


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def _name(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")
