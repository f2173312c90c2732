"""Hugging Face's `Trainer` on traces laid end to end by transformers' collator, as TRL packs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import torch
from bench.train.equipment import described, facts_of, installed, model_of, optimizer_of
from bench.train.settings import NotHereError, Settings
from bench.train.traces import Trace, first_packs, flat_batches, shuffled
from bench.train.watch import Content, Stopwatch
from torch.utils.data import DataLoader
from transformers import DataCollatorWithFlattening, Trainer, TrainerCallback, TrainingArguments


class Flattened:
    """Transformers' collator, and the fourth row of positions.

    Qwen-VL models of transformers find documents in the text row alone: with the collator's own positions
    they would attend across traces.
    """

    def __init__(self, *, flash: bool) -> None:
        self.flatten = DataCollatorWithFlattening(return_flash_attn_kwargs=flash)

    def __call__(self, traces: list[Trace]) -> dict[str, Any]:
        """Make a batch, with what it is made of beside it."""
        rows = [{"input_ids": trace.ids.tolist(), "labels": trace.labels.tolist()} for trace in traces]
        batch: dict[str, Any] = self.flatten(rows)
        batch["position_ids"] = batch["position_ids"].expand(4, 1, -1).contiguous()
        batch["content"] = Content(
            [len(trace.ids) for trace in traces],
            [trace.supervised for trace in traces],
            [trace.number for trace in traces],
            batch["input_ids"].numel(),
        )
        return batch


class Watched:
    """A loader under the stopwatch, which keeps what the model does not take.

    Parameters
    ----------
    loader
        Of `Flattened` batches.
    stopwatch
        Told when a batch is asked for, and when it is there.
    """

    def __init__(self, loader: DataLoader[Any], stopwatch: Stopwatch) -> None:
        self.loader, self.stopwatch = loader, stopwatch
        self.contents: list[Content] = []

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over batches."""
        batches = iter(self.loader)
        while True:
            self.stopwatch.ask()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self.stopwatch.arrive()
            self.contents.append(batch.pop("content"))
            yield batch


class WatchedTrainer(Trainer):
    """A `Trainer` that takes batches as they come, and keeps the last loss."""

    watched: Watched
    last_loss: torch.Tensor

    def get_train_dataloader(self) -> Any:
        """The loader as it is: its batches are whole steps."""
        return self.watched

    def training_step(self, *given: Any, **named: Any) -> torch.Tensor:
        """Keeps the loss."""
        self.last_loss = super().training_step(*given, **named).detach()
        return self.last_loss


class Hands(TrainerCallback):
    """The stopwatch's hands in Hugging Face's trainer."""

    trainer: WatchedTrainer

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Starts the clock."""
        self.trainer.watched.stopwatch.begin()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Keeps the step."""
        watched = self.trainer.watched
        watched.stopwatch.end(watched.contents[-1], self.trainer.last_loss)


def run(settings: Settings) -> dict[str, Any]:
    """Trains, and returns steps and what they were made with."""
    if not installed("accelerate"):
        raise NotHereError("the Trainer of transformers needs the package `accelerate`")
    packs = first_packs(settings)
    warm_up, timed = (
        flat_batches(shuffled(some, settings.seed), settings.capacity, settings.seed)
        for some in (packs[: settings.warm_up], packs[settings.warm_up :])
    )
    batches: Any = [*warm_up, *timed]
    flash = settings.device == "cuda" and installed("flash_attn")
    liger = settings.device == "cuda" and settings.liger and installed("liger_kernel")
    loader = DataLoader(
        batches, batch_size=None, collate_fn=Flattened(flash=flash), num_workers=settings.workers
    )
    model = model_of(settings)
    model.set_attn_implementation("flash_attention_2" if flash else "sdpa")
    facts = facts_of(model)
    stopwatch = Stopwatch(len(warm_up), settings.device)
    optimizer = _train(model, Watched(loader, stopwatch), settings, liger=liger)
    made_with = {
        "trainer": "transformers",
        "attention": "transformers, " + ("flash_attention_2" if flash else "sdpa with a mask of documents"),
        "loss": "transformers, " + ("liger" if liger else "all logits"),
        "optimizer": described(optimizer),
        "recompute": float(settings.recompute > 0),
        "compile": False,
    }
    return facts | made_with | stopwatch.result()


def _train(model: Any, watched: Watched, settings: Settings, *, liger: bool) -> torch.optim.Optimizer:
    optimizer = optimizer_of(model, settings)
    hands = Hands()
    with tempfile.TemporaryDirectory() as folder:
        trainer = WatchedTrainer(
            model=model,
            args=_arguments(settings, folder, len(watched), liger=liger),
            callbacks=[hands],
            optimizers=(optimizer, None),
        )
        trainer.watched, hands.trainer = watched, trainer
        trainer.train()
    return optimizer


def _arguments(settings: Settings, folder: str, steps: int, *, liger: bool) -> TrainingArguments:
    """Nothing that the other ways do not do: no clipping, no schedule, no logs, no checkpoints."""
    return TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        bf16=settings.device == "cuda",
        use_cpu=settings.device == "cpu",
        gradient_checkpointing=settings.recompute > 0,
        gradient_checkpointing_kwargs={"use_reentrant": False} if settings.recompute else None,
        use_liger_kernel=liger,
        max_grad_norm=0.0,
        lr_scheduler_type="constant",
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        seed=settings.seed,
    )
