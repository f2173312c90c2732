"""Optimizers and schedules by the names of the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from composer.optim import (
    ConstantWithWarmupScheduler,
    CosineAnnealingWithWarmupScheduler,
    DecoupledAdamW,
    LinearWithWarmupScheduler,
)

if TYPE_CHECKING:
    from composer.optim import ComposerScheduler

    from octomed.train import schema

_OPTIMIZERS: dict[str, Any] = {"adamw": torch.optim.AdamW, "decoupled_adamw": DecoupledAdamW}


def make_optimizer(model: torch.nn.Module, settings: schema.Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer of a model's trained parameters.

    Parameters
    ----------
    model
        Frozen parameters are left out.
    settings
        Of the recipe.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [one for one in trained if one.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [one for one in trained if one.ndim <= 1], "weight_decay": 0.0},
    ]
    plain = settings.name == "adamw"
    fused = (plain and torch.cuda.is_available()) if settings.fused is None else settings.fused
    return _OPTIMIZERS[settings.name](
        [group for group in groups if group["params"]],
        lr=settings.lr,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        **({"fused": fused} if plain else {}),
    )


def make_scheduler(settings: schema.Scheduler) -> ComposerScheduler:
    """Return the learning rate's course."""
    if settings.name == "constant_with_warmup":
        return ConstantWithWarmupScheduler(t_warmup=settings.t_warmup)
    if settings.name == "linear_decay_with_warmup":
        return LinearWithWarmupScheduler(t_warmup=settings.t_warmup, alpha_f=settings.alpha_f)
    return CosineAnnealingWithWarmupScheduler(t_warmup=settings.t_warmup, alpha_f=settings.alpha_f)
