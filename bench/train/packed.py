"""Packed: octomed's loader, collator, model, attention and loss, a pack a step."""

from __future__ import annotations

from typing import Any

import torch
from bench.train.composed import fit
from bench.train.equipment import loss_of, model_of
from bench.train.settings import Settings
from bench.train.watch import Stopwatch
from octomed.train import attention, schema
from octomed.train.batches import data_spec
from octomed.train.data import make_loader
from octomed.train.isolation import IsolationTest
from octomed.train.model import OctomedModel


def loader_of(settings: Settings, configuration: Any) -> Any:
    """Octomed's loader as its trainer makes it, a pack a batch."""
    dataset = schema.Dataset(remote=settings.run, local=settings.cache, shuffle_seed=settings.seed)
    wanted = schema.Loader(dataset=dataset, num_workers=settings.workers)
    return make_loader(wanted, 1, configuration, quiet=True)


def run(settings: Settings) -> dict[str, Any]:
    """Trains, and returns steps and what they were made with."""
    language_model = model_of(settings)
    implementation = loss_of(settings)
    model = OctomedModel(language_model, implementation=implementation)
    loader = loader_of(settings, language_model.config)
    stopwatch = Stopwatch(settings.warm_up, settings.device)
    text = language_model.config.get_text_config()
    isolation = IsolationTest(vocabulary=text.vocab_size, rows=4, layers=text.num_hidden_layers)
    steps = settings.warm_up + settings.steps
    facts = fit(model, data_spec(loader), settings, stopwatch, steps, isolation)
    kind = torch.bfloat16 if settings.device == "cuda" else getattr(torch, settings.dtype)
    kernel = attention.kernel_name(settings.device, kind)
    made_with = {"attention": f"octomed, {kernel}", "loss": f"octomed, {implementation}"}
    return facts | made_with | stopwatch.result()
