"""What a recipe stands for: checked against the packed run and the model before anything large is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.utils import dist, get_device

from octomed.errors import RecipeError
from octomed.stream import open_run
from octomed.train import steps
from octomed.train.build import read_configuration
from octomed.train.data import Batching, batching_of, check_run
from octomed.train.log import log_rank0
from octomed.urls import share_endpoint

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from octomed.stream import Run
    from octomed.train.schema import Loader, TrainRecipe


@dataclass(frozen=True)
class Prepared:
    """What a recipe stands for, before anything large is made.

    Attributes
    ----------
    recipe
        The recipe, folders filled in.
    packed
        The packed run.
    configuration
        Of the model.
    batching
        Packs a step.
    folder
        Of logs, trace ids and report.
    """

    recipe: TrainRecipe
    packed: Run
    configuration: PretrainedConfig
    batching: Batching
    folder: Path


def prepare(recipe: TrainRecipe) -> Prepared:
    """Check a recipe against the packed run and the model, and work out the packs a step."""
    recipe = _filled_in(recipe)
    share_endpoint()
    device = get_device(None)
    if recipe.precision == "amp_bf16" and device.name == "cpu":
        hint = "write `precision: fp32`; `model.dtype: bfloat16` works without a GPU"
        raise RecipeError("`precision: amp_bf16` needs a GPU", hint)
    dist.initialize_dist(device)
    log_rank0(f"reading the packed run `{recipe.train_loader.dataset.remote}`")
    packed = _open(recipe.train_loader)
    source = recipe.model.pretrained_model_name_or_path
    configuration = read_configuration(source, recipe.model.config, recipe.model.config_overrides)
    check_run(recipe, packed, configuration)
    if recipe.eval_loader is not None:
        check_run(recipe, _open(recipe.eval_loader), configuration)
    batching = _batching(recipe, packed)
    return Prepared(recipe, packed, configuration, batching, Path(recipe.run_folder))


def _filled_in(recipe: TrainRecipe) -> TrainRecipe:
    names = ("run_folder", "save_folder", "export_folder")
    given = {name: getattr(recipe, name) for name in names}
    filled = {name: text.replace("{run_name}", recipe.run_name) for name, text in given.items() if text}
    return recipe.model_copy(update=filled)


def _open(loader: Loader) -> Run:
    chosen = loader.dataset
    return open_run(chosen.remote, attempts=chosen.download_retry, timeout=chosen.download_timeout)


def _batching(recipe: TrainRecipe, packed: Run) -> Batching:
    names = packed.choose(recipe.train_loader.dataset.streams, recipe.train_loader.dataset.split)
    ranks = dist.get_world_size()
    counts = steps.traces_of_packs(packed, names)
    if recipe.global_train_batch_samples is not None:
        size = steps.step_size(counts, recipe.global_train_batch_samples, ranks)
    else:
        assert recipe.global_train_batch_size is not None
        size = steps.spread(counts, recipe.global_train_batch_size)
    log_rank0(str(size))
    return batching_of(size.packs, ranks)
