"""The part of the training recipe that says what is measured, and where that goes."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part

Positive = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)(sec|min|h)")
_SECONDS = {"sec": 1.0, "min": 60.0, "h": 3600.0}


def seconds_of(interval: str) -> float:
    """Return the seconds of an interval.

    Examples
    --------
    >>> seconds_of("5min")
    300.0
    """
    found = _INTERVAL.fullmatch(interval)
    assert found is not None, "the recipe is checked"
    return float(found[1]) * _SECONDS[found[2]]


def _interval(value: Any) -> Any:  # noqa: ANN401 what YAML gave
    if not isinstance(value, str) or not _INTERVAL.fullmatch(value) or seconds_of(value) <= 0:
        raise invalid(f"`{value}` is not a time", "write `30sec`, `5min` or `1h`; null: at the end only")
    return value


class SpeedMonitor(Part):
    """Tokens and floating-point operations a second, and MFU."""

    window_size: Positive = 10
    """Steps that a mean is taken over."""
    gpu_flops_available: Annotated[float, Field(gt=0, strict=False)] | None = None
    """Peak of a device; known for common GPUs."""


class TraceLog(Part):
    """Which traces each step learned from."""

    folder: Text | None = None
    """Where `traces-rank*.jsonl` go; the run's folder if left out."""


class Report(Part):
    """Curves and figures of the run, as one file."""

    every: Annotated[str, BeforeValidator(_interval)] | None = "5min"
    """Time between two reports while it trains; null: at the end only."""


class Empty(Part):
    """A callback without settings."""


class Callbacks(Part):
    """What is measured or written while training; leave a key out, or null, to do without."""

    speed_monitor: SpeedMonitor | None = SpeedMonitor()
    """Throughput."""
    data_monitor: Empty | None = Empty()
    """Padding share, traces a step, and time spent waiting for data."""
    lr_monitor: Empty | None = Empty()
    """Learning rate."""
    memory_monitor: Empty | None = None
    """GPU memory."""
    optimizer_monitor: Empty | None = None
    """Norms of gradients and moments."""
    runtime_estimator: Empty | None = None
    """Time that is left."""
    trace_log: TraceLog | None = TraceLog()
    """Trace ids a step, for `octomed inspect --step`."""
    unigram_monitor: Empty | None = None
    """Entropy of the supervised tokens' distribution: a model below it has learned more than frequencies."""
    report: Report | None = Report()
    """`train-report.html`: figures of the run, curves of loss and throughput."""


class Loggers(Part):
    """Where measurements go."""

    jsonl: Empty | None = Empty()
    """`metrics.jsonl` in the run's folder: one object a step."""
    tensorboard: Empty | None = None
    """TensorBoard event files in the run's folder."""
    wandb: dict[str, Any] | None = None
    """Weights & Biases; the mapping goes to Composer's `WandBLogger`."""
    mlflow: dict[str, Any] | None = None
    """MLflow; the mapping goes to Composer's `MLFlowLogger`."""
