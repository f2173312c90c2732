"""The learning rate of each step.

Composer 0.32 asks a schedule for a step's rate before it counts the step before, so its schedules run one
step late, and begin with two steps at a rate of 0. Here a step's rate is set when it begins, and follows from
its place in the run alone: a run that resumes needs nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from composer.core import Callback, Time, TimeUnit
from composer.utils import dist

if TYPE_CHECKING:
    from composer.core import State
    from composer.loggers import Logger

    from octomed.train.schema_model import Scheduler


@dataclass(frozen=True)
class Course:
    """The learning rate over a run, as a share of `lr`.

    While it warms up, a step has the rate of the time at which it ends: of `n` steps the first has `1/n`,
    the last all. After it, a step has the rate of the time at which it begins: the first has all, the last
    is one step short of `final`. No step has a rate of 0.

    Attributes
    ----------
    shape
        ``cosine_with_warmup``, ``linear_decay_with_warmup`` or ``constant_with_warmup``.
    warm, whole
        How long it warms up, and how long the run is: steps, packs or tokens.
    final
        Share of `lr` where it ends.

    Examples
    --------
    >>> course = Course("linear_decay_with_warmup", warm=2, whole=6)
    >>> [course.share(step, step + 1) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    shape: str
    warm: int
    whole: int
    final: float = 0.0

    def share(self, begins: int, ends: int) -> float:
        """Return the share of a step that begins and ends at these times."""
        if begins < self.warm:
            return min(1.0, ends / self.warm)
        if self.shape == "constant_with_warmup":
            return 1.0
        left = self.whole - self.warm
        done = min(1.0, (begins - self.warm) / left) if left > 0 else 0.0
        falls = (1 - math.cos(math.pi * done)) / 2 if self.shape == "cosine_with_warmup" else done
        return 1.0 - (1.0 - self.final) * falls


def course_of(
    settings: Scheduler, duration: Time[int], steps_an_epoch: int | None
) -> tuple[Course, TimeUnit]:
    """Return a run's course, and what it counts in.

    Parameters
    ----------
    settings
        The recipe's `scheduler`.
    duration
        Of the run.
    steps_an_epoch
        As the loader knows them; only epochs need them.
    """

    def counted(time: Time[int]) -> Time[int]:
        if time.unit is not TimeUnit.EPOCH:
            return time
        assert steps_an_epoch is not None, "a loader of packs knows its length"
        return Time(time.value * steps_an_epoch, TimeUnit.BATCH)

    whole, warm = counted(duration), Time.from_timestring(settings.t_warmup)
    if warm.unit is TimeUnit.DURATION:
        warm = Time(int(warm.value * whole.value), whole.unit)
    return Course(settings.name, counted(warm).value, whole.value, settings.alpha_f), whole.unit


class LearningRates(Callback):
    """Set each group's rate when a step begins; before what logs it.

    Parameters
    ----------
    settings
        The recipe's `scheduler`. Groups of the optimizer have their own `initial_lr`, and share the course.
    """

    def __init__(self, settings: Scheduler) -> None:
        self.settings = settings

    def batch_start(self, state: State, logger: Logger) -> None:
        """Set the rates of the step that begins."""
        del logger
        assert state.max_duration is not None, "a training has an end"
        steps = None if state.dataloader_len is None else int(state.dataloader_len)
        course, unit = course_of(self.settings, state.max_duration, steps)
        begins = state.timestamp.get(unit).value
        share = course.share(begins, begins + _size_of_step(state, unit))
        for optimizer in state.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * share


def _size_of_step(state: State, unit: TimeUnit) -> int:
    """Return how far the step that begins leads: packs and tokens are those of all ranks."""
    if unit is TimeUnit.BATCH:
        return 1
    batch = state.batch
    here = len(batch["packs"]) if unit is TimeUnit.SAMPLE else batch["input_ids"].shape[1]
    everywhere = state.device.tensor_to_device(torch.tensor([here], dtype=torch.int64))
    dist.all_reduce(everywhere, reduce_operation="SUM")
    return int(everywhere)
