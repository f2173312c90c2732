"""What a step's images cost, what it saves to run the tower once for each, and speed without the tower."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from composer.callbacks import SpeedMonitor
from composer.core import Callback
from composer.utils import dist

from octomed.train.log import log_rank0

if TYPE_CHECKING:
    from composer.core import State
    from composer.loggers import Logger

    from octomed.train.model import OctomedModel


class Operations(NamedTuple):
    """Floating-point operations of a step, over all ranks.

    Attributes
    ----------
    whole
        All of them, recomputation not counted.
    vision
        Those of the tower, on each image once.
    saved
        Those that the tower would have besides, if it ran for each place that shows an image.
    """

    whole: float
    vision: float
    saved: float


class StepOperations:
    """Counts a step's operations once, for all that asks on every rank when the step ends."""

    def __init__(self) -> None:
        self._step = -1
        self._counted = Operations(0.0, 0.0, 0.0)

    def of(self, state: State) -> Operations:
        """Return those of the step that ends; the first to ask adds them up over ranks."""
        if self._step != state.timestamp.batch.value:
            batch, model = state.batch, _model(state)
            counts = [
                model.flops_per_batch(batch),
                model.vision_operations(batch),
                model.operations_saved(batch),
            ]
            self._step, self._counted = state.timestamp.batch.value, Operations(*_over_ranks(state, counts))
        return self._counted


class VisionMonitor(Callback):
    """Log at how many places a step shows images, and the share of its operations that are the tower's.

    And what it saves that the tower runs once for an image of a pack, and not once for each place that shows
    it, as a share of what the step would have without. The first step that has images says so in a line.

    Parameters
    ----------
    operations
        Counts those of a step.
    """

    def __init__(self, operations: StepOperations) -> None:
        self.operations = operations
        self.said = False

    def batch_end(self, state: State, logger: Logger) -> None:
        """Add up over ranks, and log."""
        images, shown = _over_ranks(state, [len(state.batch["image_sizes"]), len(state.batch["image_refs"])])
        whole, vision, saved = self.operations.of(state)
        share, saves = vision / whole, saved / (whole + saved)
        logger.log_metrics(
            {
                "vision/placeholders": shown,
                "vision/operations_share": share,
                "vision/reuse_saves": saves,
            }
        )
        if images and not self.said:
            self.said = True
            log_rank0(
                f"vision: {images:,.0f} images at {shown:,.0f} places in step {state.timestamp.batch.value}; "
                f"{share:.1%} of its operations are the tower's, each image once saves {saves:.1%}"
            )


class SpeedWithoutVision(SpeedMonitor):
    """Composer's monitor, which states operations and MFU also without those of the vision tower.

    Parameters
    ----------
    operations
        Counts those of a step.
    **settings
        Composer's.
    """

    def __init__(self, operations: StepOperations, **settings: Any) -> None:  # noqa: ANN401 Composer's
        super().__init__(**settings)
        self.operations = operations
        self.history_text: deque[float] = deque(maxlen=self.history_flops.maxlen)

    def batch_end(self, state: State, logger: Logger) -> None:
        """Log what Composer does, and these."""
        super().batch_end(state, logger)
        counted = self.operations.of(state)
        self.history_text.append(counted.whole - counted.vision)
        if len(self.history_text) < (self.history_text.maxlen or 0):
            return
        seconds = self.history_wct[-1] - self.history_wct[0]
        rate = (sum(self.history_text) - self.history_text[0]) / seconds / dist.get_world_size()
        measured = {"throughput/device/flops_per_sec_without_vision": rate}
        if self.gpu_flops_available:
            measured["throughput/device/mfu_without_vision"] = rate / self.gpu_flops_available
        logger.log_metrics(measured)


def _model(state: State) -> OctomedModel:
    inner: Any = state.model
    model: OctomedModel = getattr(inner, "module", inner)
    return model


def _over_ranks(state: State, counts: list[float]) -> list[float]:
    total = state.device.tensor_to_device(torch.tensor(counts, dtype=torch.float64))
    dist.all_reduce(total, reduce_operation="SUM")
    summed: list[float] = total.tolist()
    return summed
