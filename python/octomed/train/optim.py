"""Optimizers by the names of the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from composer.optim import DecoupledAdamW

from octomed.errors import RecipeError
from octomed.train.build import PARTS, parts_of
from octomed.train.quantized import bitsandbytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.train.build import Part
    from octomed.train.schema_model import Group, Optimizer


def make_optimizer(model: torch.nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer of a model's trained parameters.

    Parameters
    ----------
    model
        Frozen parameters are left out.
    settings
        Of the recipe. Parts of the model with a group of their own come after all others.

    Raises
    ------
    RecipeError
        When a group is of a part that the model lacks, or that is frozen; when bitsandbytes is missing.
    """
    trained = {
        part: [one for one in parameters.values() if one.requires_grad]
        for part, parameters in parts_of(model).items()
    }
    own: dict[Part, Group] = {
        part: found
        for part in PARTS
        if (found := getattr(settings.groups, part, None) if settings.groups is not None else None)
    }
    _check_groups(own, trained)
    rest = [one for part, parameters in trained.items() if part not in own for one in parameters]
    groups = _groups(rest, settings.lr, settings.weight_decay)
    for part, group in own.items():
        decay = settings.weight_decay if group.weight_decay is None else group.weight_decay
        groups += _groups(trained[part], group.lr or settings.lr, decay)
    return _optimizer(groups, settings)


def _groups(parameters: Iterable[torch.nn.Parameter], rate: float, decay: float) -> list[dict[str, Any]]:
    """Return matrices, which decay, and vectors, which do not; `octomed.train.rates` wants `initial_lr`."""
    given = list(parameters)
    rates = {"lr": rate, "initial_lr": rate}
    groups = [
        {"params": [one for one in given if one.ndim > 1], "weight_decay": decay, **rates},
        {"params": [one for one in given if one.ndim <= 1], "weight_decay": 0.0, **rates},
    ]
    return [group for group in groups if group["params"]]


def _check_groups(own: Iterable[Part], trained: dict[Part, list[torch.nn.Parameter]]) -> None:
    for part in own:
        if not trained.get(part):
            why = "is frozen" if part in trained else "is none that the model has"
            raise RecipeError(
                f"`optimizer.groups.{part}`: this part {why}, and nothing of it is moved",
                f"leave it out, or train it: `model.freeze_{part}: false`"
                if part in trained
                else "leave it out",
            )


def _optimizer(groups: list[dict[str, Any]], settings: Optimizer) -> torch.optim.Optimizer:
    common: dict[str, Any] = {
        "lr": settings.lr,
        "betas": settings.betas,
        "eps": settings.eps,
        "weight_decay": settings.weight_decay,
    }
    if settings.name == "decoupled_adamw":
        return DecoupledAdamW(groups, **common)
    if settings.name == "adamw8bit":
        made: torch.optim.Optimizer = bitsandbytes("optimizer.name: adamw8bit").optim.AdamW8bit(
            groups, **common
        )
        return made
    fused = torch.cuda.is_available() if settings.fused is None else settings.fused
    return torch.optim.AdamW(groups, fused=fused, **common)
