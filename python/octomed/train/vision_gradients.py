"""A step without an image leaves the vision tower as it is, bit for bit.

Where a microbatch shows no image, the tower runs for a dummy, so that all ranks enter it equally often. Its
parameters then have gradients of zeros, by which an optimizer would still decay them and move them on by
their momentum. So if no rank had an image in any microbatch of the step, they get no gradient at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from composer.core import Algorithm, Event
from composer.utils import dist

from octomed.train.build import vision_tower

if TYPE_CHECKING:
    from composer.core import State
    from composer.loggers import Logger


class NoGradientsFromDummies(Algorithm):
    """Take the gradients of tower and merger away after a step that no rank had an image in."""

    def __init__(self) -> None:
        self.images = 0

    def match(self, event: Event, state: State) -> bool:
        """Count before the step, and act between the last backward pass and the optimizer."""
        del state
        return event in {Event.BATCH_START, Event.AFTER_TRAIN_BATCH}

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        """Count the images of all ranks, or take gradients away if there were none."""
        del logger
        if event == Event.BATCH_START:
            images = state.device.tensor_to_device(torch.tensor([len(state.batch["image_sizes"])]))
            dist.all_reduce(images, reduce_operation="SUM")
            self.images = int(images)
        elif not self.images:
            model: Any = getattr(state.model, "module", state.model)
            tower = vision_tower(model.language_model)
            for parameter in tower.parameters() if tower is not None else ():
                parameter.grad = None
            for optimizer in state.optimizers:
                make_state(optimizer)


def make_state(optimizer: torch.optim.Optimizer) -> None:
    """Give parameters without a gradient the state in which an optimizer begins, where they have none.

    A sharded checkpoint with the state of some parameters alone is refused when it is loaded.

    Parameters
    ----------
    optimizer
        Changed in place; parameters and gradients stay as they are.
    """
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    missing = [one for one in parameters if one.grad is None and one not in optimizer.state]
    if not missing:
        return
    gradients = [one.grad for one in parameters]
    rates = [group["lr"] for group in optimizer.param_groups]
    for one in parameters:
        one.grad = None
    for one in missing:
        one.grad = torch.zeros_like(one)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    type(optimizer).step(optimizer)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    for one, gradient in zip(parameters, gradients, strict=True):
        one.grad = gradient
    for one in missing:
        step = optimizer.state[one].get("step")
        if isinstance(step, torch.Tensor):
            step.zero_()
        elif step is not None:
            optimizer.state[one]["step"] = 0
