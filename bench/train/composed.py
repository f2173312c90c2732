"""Composer's trainer around a model and a loader: the same for the packed and the padded way."""

from __future__ import annotations

from typing import Any

from bench.train.equipment import described, facts_of, optimizer_of
from bench.train.settings import Settings
from bench.train.watch import Content, Stopwatch
from composer import Trainer
from composer.core import Callback, DataSpec, State
from composer.loggers import Logger
from composer.models import ComposerModel
from octomed.train.layers import compile_layers, recompute_layers


class ComposerWatch(Callback):
    """The stopwatch's hands in Composer's trainer."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch

    def fit_start(self, state: State, logger: Logger) -> None:
        """Starts the clock."""
        del state, logger
        self.stopwatch.begin()

    def before_dataloader(self, state: State, logger: Logger) -> None:
        """Begins to wait."""
        del state, logger
        self.stopwatch.ask()

    def after_dataloader(self, state: State, logger: Logger) -> None:
        """Ends to wait."""
        del state, logger
        self.stopwatch.arrive()

    def batch_end(self, state: State, logger: Logger) -> None:
        """Keeps the step."""
        del logger
        losses: Any = state.total_loss_dict
        self.stopwatch.end(content_of(state.batch), next(iter(losses.values())))


def content_of(batch: dict[str, Any]) -> Content:
    """What a batch holds, packed or padded."""
    return Content(
        batch["lengths"].tolist() if "lengths" in batch else batch["cu_seqlens"].diff().tolist(),
        batch["supervised_tokens"].tolist(),
        batch["trace_ids"].tolist(),
        batch["input_ids"].numel(),
    )


def prepare_layers(model: ComposerModel, language_model: Any, settings: Settings) -> None:
    """Compiles and wraps layers as the settings say."""
    if settings.compile:
        compile_layers(language_model)
    if settings.recompute:
        recompute_layers(model, language_model, settings.recompute)


def fit(
    model: ComposerModel,
    data: DataSpec,
    settings: Settings,
    stopwatch: Stopwatch,
    steps: int,
    *first: Callback,
) -> dict[str, Any]:
    """Trains so many steps, and says how.

    Parameters
    ----------
    model
        With `language_model`.
    data
        The loader.
    settings
        What is measured.
    stopwatch
        Keeps the steps.
    steps
        Of training, warm-up included.
    first
        Callbacks before the stopwatch.
    """
    inner: Any = model.language_model
    facts = facts_of(inner)
    prepare_layers(model, inner, settings)
    optimizer = optimizer_of(model, settings)
    trainer = Trainer(
        model=model,
        train_dataloader=data,
        optimizers=optimizer,
        max_duration=f"{steps}ba",
        callbacks=[*first, ComposerWatch(stopwatch)],
        device="gpu" if settings.device == "cuda" else "cpu",
        precision="amp_bf16" if settings.device == "cuda" else "fp32",
        device_train_microbatch_size=1,
        accumulate_train_batch_on_tokens=True,
        seed=settings.seed,
        progress_bar=False,
    )
    trainer.fit()
    layers = {"recompute": settings.recompute, "compile": settings.compile}
    return facts | layers | {"trainer": "Composer", "optimizer": described(optimizer)}
