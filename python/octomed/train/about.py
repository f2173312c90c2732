"""What a training's report says of its surroundings, looked up when it begins."""

from __future__ import annotations

import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from composer.utils import dist

from octomed.machine import cores, memory
from octomed.train.adapters import number_of_weights
from octomed.train.facts import About

if TYPE_CHECKING:
    from octomed.train.prepare import Prepared

_PACKAGES = ("octomed", "torch", "transformers", "mosaicml", "mosaicml-streaming", "liger-kernel", "peft")


def about(prepared: Prepared, model: torch.nn.Module) -> About:
    """Return what is known when a training begins.

    Parameters
    ----------
    prepared
        Its recipe, and the packed run.
    model
        As it is trained.
    """
    recipe, runs = prepared.recipe, prepared.runs or (prepared.packed,)
    trained = sum(number_of_weights(one) for one in model.parameters() if one.requires_grad)
    dataset = recipe.train_loader.dataset
    streams = [run.streams[name] for run in runs for name in run.choose(dataset.streams, dataset.split)]
    source = recipe.model.pretrained_model_name_or_path
    weights = f"weights of {source}" if source and recipe.model.pretrained else "random weights"
    return About(
        began=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        model=f"{prepared.configuration.model_type}, {weights}",
        trained=trained,
        frozen=sum(map(number_of_weights, model.parameters())) - trained,
        run=", ".join(Path(run.location).name for run in runs),
        packs=sum(stream["packs"] for stream in streams),
        traces=sum(stream["traces"] for stream in streams),
        tokens=sum(stream["tokens"] for stream in streams),
        images=sum(run.content.counts.images for run in runs if run.vision is not None),
        device=_device(),
        ranks=dist.get_world_size(),
        threads=torch.get_num_threads(),
        cores=cores(),
        memory=memory(),
        versions={"python": platform.python_version(), **_versions()},
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an extra
            continue
    return found


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
