"""`python -m bench.train.steps`: bare training steps on packs on the device, without trainer or loader.

Tells what the model, its attention, its loss and the optimizer can do, for several shares of layers computed
twice; with `--profile`, which kernels take the time. `python -m bench.train` measures whole trainers instead.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from bench.train import report
from bench.train.composed import content_of, prepare_layers
from bench.train.equipment import loss_of, model_of, optimizer_of
from bench.train.options import add_options, check_options, device_of, peak_on, settings_of
from bench.train.packed import loader_of
from bench.train.settings import Settings
from bench.train.shapes import SHAPES
from bench.train.watch import Stopwatch
from bench.train.work import work_of
from octomed.train.model import OctomedModel

Batch = dict[str, Any]


def options(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.train.steps", description=__doc__)
    parser.add_argument("--model", nargs=1, choices=list(SHAPES), default=["qwen2.5-vl-7b"])
    parser.add_argument(
        "--recompute", type=float, nargs="+", default=[1.0, 0.3], help="shares of the layers to compute again"
    )
    add_options(parser, warm_up=2, steps=4)
    parser.add_argument("--profile", action="store_true", help="print the kernels of one more step")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(words)
    check_options(parser, given, given.recompute)
    return given


def batches_of(settings: Settings, configuration: Any) -> list[Batch]:
    """The first packs, on the device."""
    some = itertools.islice(loader_of(settings, configuration), settings.warm_up + settings.steps)
    return [
        {
            name: one.to(settings.device) if isinstance(one, torch.Tensor) else one
            for name, one in batch.items()
        }
        for batch in some
    ]


def one_step(model: OctomedModel, optimizer: torch.optim.Optimizer, batch: Batch) -> torch.Tensor:
    """Forward, backward, and the optimizer's step; gives the loss."""
    device = batch["input_ids"].device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        loss = model(batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def measure(settings: Settings, *, profile: bool) -> dict[str, Any]:
    """Seconds and operations of each timed step, with a model made anew."""
    torch.compiler.reset()
    gc.collect()
    language_model = model_of(settings)
    work = work_of(language_model)
    model = OctomedModel(language_model, implementation=loss_of(settings))
    batches = batches_of(settings, language_model.config)
    prepare_layers(model, language_model, settings)
    optimizer = optimizer_of(model, settings)
    stopwatch = Stopwatch(settings.warm_up, settings.device)
    stopwatch.begin()
    for batch in batches:
        loss = one_step(model, optimizer, batch)
        stopwatch.end(content_of(batch), loss)
    if profile:
        print(_kernels(lambda: one_step(model, optimizer, batches[-1]), settings.device))
    on_gpu = settings.device == "cuda"
    memory = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None
    return {"work": vars(work), "peak_memory_gb": memory, **stopwatch.result()}


def _kernels(step: Any, device: str) -> str:
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
    with profile(activities=kinds) as found:
        step()
    key = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    return str(found.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=80))


def summary(found: dict[str, Any], capacity: int, peak: float | None) -> str:
    """A line: median seconds, tokens a second, MFU."""
    figures = report.figures(found, capacity, peak)
    mfu = f", MFU {figures['mfu']:.1%}" if peak else ""
    return f"{figures['step_seconds']:.3f} s a step, {figures['tokens_per_second']:,.0f} tokens/s{mfu}"


def main(words: Sequence[str] | None = None) -> None:
    """Measures every share, and writes the result where one asks for it."""
    given = options(words)
    device = device_of(given)
    peak = peak_on(device, given)
    result = report.about(device, peak) | {"model": given.model[0], "shares": []}
    with tempfile.TemporaryDirectory(prefix="octomed-steps-") as name:
        for share in given.recompute:
            settings = settings_of(given, given.model[0], device, share, Path(name))
            began = time.perf_counter()
            layers = {"recompute": share, "compile": settings.compile}
            found = measure(settings, profile=given.profile) | layers
            print(f"{given.model[0]}, {share:.0%} recomputed: {summary(found, settings.capacity, peak)}")
            result["shares"].append(found | {"whole_seconds": time.perf_counter() - began})
    if given.out is not None:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
