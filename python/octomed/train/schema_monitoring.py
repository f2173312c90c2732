"""The part of the training recipe that says what is measured, and where that goes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from octomed.recipe.part import Part

Positive = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


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
    report: Empty | None = Empty()
    """`train-report.html`: curves of loss and throughput, at the end."""


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
