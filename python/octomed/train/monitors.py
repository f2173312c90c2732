"""What a step is made of: its traces, its tokens, its padding, and the time it waited for data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from composer.core import Callback, TimeUnit
from composer.loggers import LoggerDestination
from composer.utils import dist

from octomed.train.journal import METRICS, TRACES, Journal, rewind
from octomed.train.log import event_rank0, log_rank0
from octomed.train.progress import evaluation_line, progress_line

if TYPE_CHECKING:
    from composer.core import State
    from composer.loggers import Logger


_IMAGES = {"image_grid_thw": "data/images", "image_patches": "data/patches"}
"""What a batch holds by image and by patch, and what their numbers are logged as."""


class DataMonitor(Callback):
    """Log packs, traces, tokens and images a step, the share of padding, and the share of time spent waiting.

    Parameters
    ----------
    capacity
        Tokens that a pack holds at most; what a pack lacks is the padding that padded rows would have.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.waited = self.asked = 0.0
        self.began = time.perf_counter()

    def fit_start(self, state: State, logger: Logger) -> None:
        """Start the clock: making the model is no part of the first step."""
        del state, logger
        self.began = time.perf_counter()

    def before_dataloader(self, state: State, logger: Logger) -> None:
        """Begin to wait."""
        del state, logger
        self.asked = time.perf_counter()

    def after_dataloader(self, state: State, logger: Logger) -> None:
        """End to wait."""
        del state, logger
        self.waited += time.perf_counter() - self.asked

    def batch_end(self, state: State, logger: Logger) -> None:
        """Add up over ranks, and log."""
        now = time.perf_counter()
        packs = state.batch["packs"]
        local = [len(packs), int(packs[:, 1].sum()), int(packs[:, 0].sum()), self.waited, now - self.began]
        local += [len(state.batch[key]) for key in _IMAGES if key in state.batch]
        both = state.device.tensor_to_device(torch.tensor(local, dtype=torch.float64))
        dist.all_reduce(both, reduce_operation="SUM")
        count, traces, tokens, waited, seconds, *images = both.tolist()
        self.waited, self.began = 0.0, now
        logger.log_metrics(
            {
                "data/packs": count,
                "data/traces": traces,
                "data/tokens": tokens,
                "data/padding_share": 1 - tokens / (count * self.capacity),
                "data/wait_share": waited / max(seconds, 1e-9),
                "data/tokens_per_second": tokens * dist.get_world_size() / max(seconds, 1e-9),
                **dict(zip(_IMAGES.values(), images, strict=False)),  # a run of text has none
            }
        )


class LearningRate(Callback):
    """Log the learning rates that a step was made with, under the names of Composer's `LRMonitor`.

    That one logs at a step's end what the optimizer holds then: the next step's.
    """

    def __init__(self) -> None:
        self.rates: dict[str, float] = {}

    def batch_start(self, state: State, logger: Logger) -> None:
        """Keep the rates."""
        del logger
        self.rates = {
            f"lr-{type(optimizer).__name__}/group{number}": group["lr"]
            for optimizer in state.optimizers
            for number, group in enumerate(optimizer.param_groups)
        }

    def batch_end(self, state: State, logger: Logger) -> None:
        """Log them."""
        del state
        logger.log_metrics(self.rates)


class TraceLog(Callback):
    """Write which traces each step learned from, one file a rank.

    Parameters
    ----------
    folder
        Where `traces-rank*.jsonl` go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / TRACES.replace("*", str(dist.get_global_rank())))

    def fit_start(self, state: State, logger: Logger) -> None:
        """Cut off what a run that ended after its last checkpoint wrote, on whatever number of ranks."""
        del logger
        if dist.get_global_rank() == 0:
            for path in self.folder.glob(TRACES):
                rewind(path, state.timestamp.batch.value)
        dist.barrier()

    def batch_start(self, state: State, logger: Logger) -> None:
        """Write the step's trace ids, unsigned as the provenance has them."""
        del logger
        ids = [number % 2**64 for number in state.batch["trace_ids"].tolist()]
        entry = {
            "step": state.timestamp.batch.value + 1,
            "epoch": state.timestamp.epoch.value,
            "trace_ids": ids,
        }
        runs = state.batch.get("runs")  # of several, each pack's
        if runs is not None:
            entry["runs"] = runs.repeat_interleave(state.batch["packs"][:, 1]).tolist()
        self.journal.write(entry)

    def close(self, state: State, logger: Logger) -> None:
        """Close the file."""
        del state, logger
        self.journal.close()


class MetricsLog(LoggerDestination):
    """Write every measurement of a step as one JSON object on one line; on the first rank.

    Parameters
    ----------
    folder
        Where `metrics.jsonl` goes.
    """

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / METRICS)
        self.pending: dict[str, Any] = {}

    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Keep measurements until the step ends."""
        del step
        self.pending |= {name: float(value) for name, value in metrics.items()}

    def fit_start(self, state: State, logger: Logger) -> None:
        """Cut off what comes after the checkpoint."""
        del logger
        if dist.get_global_rank() == 0:
            rewind(self.journal.path, state.timestamp.batch.value)

    def batch_end(self, state: State, logger: Logger) -> None:
        """Write the step's line."""
        del logger
        self._write(state)

    def eval_end(self, state: State, logger: Logger) -> None:
        """Write the evaluation's line."""
        del logger
        self._write(state)

    def close(self, state: State, logger: Logger) -> None:
        """Close the file."""
        del state, logger
        self.journal.close()

    def _write(self, state: State) -> None:
        entry, self.pending = {"step": state.timestamp.batch.value, **self.pending}, {}
        if dist.get_global_rank() == 0:
            self.journal.write(entry)


class ProgressLine(Callback):
    """Print a line a step, or every so many, that fits a terminal.

    Parameters
    ----------
    every
        Steps between lines.
    """

    def __init__(self, every: int = 1) -> None:
        self.every = every
        self.began = time.perf_counter()
        self.first = self.tokens = 0
        self.learning_rate = 0.0
        self.evaluated = self.began

    def fit_start(self, state: State, logger: Logger) -> None:
        """Start the clock."""
        del logger
        self.began = time.perf_counter()
        self.first, self.tokens = state.timestamp.batch.value, state.timestamp.token.value

    def batch_start(self, state: State, logger: Logger) -> None:
        """Keep the step's learning rate: at its end the optimizer holds the next one's."""
        del logger
        self.learning_rate = state.optimizers[0].param_groups[0]["lr"]

    def eval_start(self, state: State, logger: Logger) -> None:
        """Start the evaluation's clock."""
        del state, logger
        self.evaluated = time.perf_counter()

    def eval_end(self, state: State, logger: Logger) -> None:
        """Print the evaluation's line, and take its time out of the training's."""
        del logger
        seconds = time.perf_counter() - self.evaluated
        self.began += seconds
        label = state.dataloader_label or "evaluation"
        loss = float(state.eval_metrics[label]["loss"].compute())  # over all ranks, so that each one asks
        said: dict[str, Any] = {"step": state.timestamp.batch.value, "label": label, "loss": loss}
        event_rank0(evaluation_line(**said, seconds=seconds), "evaluation", **said, seconds=round(seconds, 3))

    def batch_end(self, state: State, logger: Logger) -> None:
        """Print the line."""
        del logger
        step = state.timestamp.batch.value
        share = share_done(state)
        if dist.get_global_rank() == 0 and (step % self.every == 0 or share >= 1):
            seconds = time.perf_counter() - self.began
            said: dict[str, Any] = {
                "step": step,
                "share": share,
                "loss": _loss(state),
                "learning_rate": self.learning_rate,
                "tokens_per_second": (state.timestamp.token.value - self.tokens) / seconds,
                "seconds_left": _left(share, step, self.first, seconds),
            }
            event_rank0(progress_line(**said), "step", **said)


class Phase(Callback):
    """Say what is begun when the training starts: one that says nothing for half a minute seems to hang.

    Parameters
    ----------
    text
        What is said on the first rank.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def fit_start(self, state: State, logger: Logger) -> None:
        """Say it."""
        del state, logger
        log_rank0(self.text)


def share_done(state: State) -> float:
    """Return which part of the run is done; Composer counts whole epochs only."""
    last, length = state.max_duration, state.dataloader_len
    if last is not None and last.unit == TimeUnit.EPOCH and length is not None:
        epochs = state.timestamp.epoch.value + state.timestamp.batch_in_epoch.value / length.value
        return float(epochs / last.value)
    elapsed = state.get_elapsed_duration()
    return float(elapsed.value) if elapsed is not None else 0.0


def _loss(state: State) -> float:
    return float(next(iter((state.total_loss_dict or {"": float("nan")}).values())))


def _left(share: float, step: int, first: int, seconds: float) -> float:
    """Estimate the seconds that are left from the share that is done, steps before a resume not counted."""
    if not share or step <= first:
        return float("inf")
    return seconds / (step - first) * step * (1 - share) / share
