"""Gradients as means over ranks, also where the backend adds them up.

FSDP2 asks for the mean of all ranks' gradients. Gloo, which runs on CPUs, takes the word and returns the sum
(seen with torch 2.7): gradients are too large by the number of ranks, which Adam hides and clipping does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from composer.core import Algorithm, Event
from torch.distributed.tensor import DTensor

if TYPE_CHECKING:
    from composer.core import State
    from composer.loggers import Logger


class MeanGradients(Algorithm):
    """Divide FSDP2's gradients by what its backend makes of a mean of ones; before clipping.

    Parameters
    ----------
    mixed_precision
        FSDP2's, as Composer names it. With ``FULL`` gradients are reduced in the type of the weights, and of
        types other than float32 and bfloat16 FSDP2 asks for no mean, but for the sum, and divides itself.
    """

    def __init__(self, mixed_precision: str = "DEFAULT") -> None:
        self.excess: float | None = None
        self.mixed_precision = mixed_precision

    def match(self, event: Event, state: State) -> bool:
        """Run between the last backward pass and the optimizer."""
        del state
        return event == Event.AFTER_TRAIN_BATCH

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        """Divide, where there is anything to divide by."""
        del event, logger
        if self.excess is None:
            self.excess = mean_of_ones(next(state.model.parameters()).device)
        if self.excess == 1.0:
            return
        for parameter in state.model.parameters():
            if parameter.grad is not None and self._is_mean(parameter.grad.dtype):
                gradient = parameter.grad
                local = gradient.to_local() if isinstance(gradient, DTensor) else gradient
                local.div_(self.excess)

    def _is_mean(self, kind: torch.dtype) -> bool:
        return self.mixed_precision != "FULL" or kind in {torch.float32, torch.bfloat16}


def mean_of_ones(device: torch.device) -> float:
    """Return what the backend makes of the mean of ones over ranks: 1 where it knows means."""
    ranks = torch.distributed.get_world_size()
    ones, result = torch.ones(ranks, device=device), torch.empty(1, device=device)
    torch.distributed.reduce_scatter_tensor(result, ones, op=torch.distributed.ReduceOp.AVG)
    return float(result)
