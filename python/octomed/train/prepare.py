"""What a recipe stands for: checked against the packed run and the model before anything large is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer.utils import dist, get_device

from octomed.errors import RecipeError
from octomed.stream.run import VALIDATION
from octomed.train import checkpoints, order, steps
from octomed.train.build import read_configuration
from octomed.train.data import Batching, batching_of, check_run
from octomed.train.log import log_rank0
from octomed.train.processors import vision_of
from octomed.urls import share_endpoint

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from octomed.stream import Run
    from octomed.stream.images import Vision
    from octomed.train.schema import TrainRecipe


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
    runs
        All packed runs, where several are mixed.
    vision
        How images are prepared, where a run to train or evaluate on has any.
    evaluated
        The packed runs that are evaluated on: those of `eval_loader`, or those that are trained on and have a
        validation stream.
    """

    recipe: TrainRecipe
    packed: Run
    configuration: PretrainedConfig
    batching: Batching
    folder: Path
    runs: tuple[Run, ...] = ()
    vision: Vision | None = None
    evaluated: tuple[Run, ...] = ()

    @property
    def shown(self) -> Run:
        """The first run that is trained on and has images; the first of all, where none has."""
        return next((run for run in self.runs if run.vision is not None), self.packed)

    @property
    def learns_from_images(self) -> bool:
        """Whether a run that is trained on has images."""
        return self.shown.vision is not None

    @property
    def key(self) -> str:
        """Key of the data: of the packed run, or of each of several."""
        return " + ".join(run.key for run in self.runs or (self.packed,))


def prepare(recipe: TrainRecipe) -> Prepared:
    """Check a recipe against the packed run and the model, and work out the packs a step."""
    recipe = _filled_in(recipe)
    share_endpoint()
    device = get_device(None)
    if recipe.precision == "amp_bf16" and device.name == "cpu":
        hint = "write `precision: fp32`; `model.dtype: bfloat16` works without a GPU"
        raise RecipeError("`precision: amp_bf16` needs a GPU", hint)
    dist.initialize_dist(device)
    places = recipe.train_loader.dataset.remote
    log_rank0(f"reading {', '.join(f'`{one}`' for one in ([places] if isinstance(places, str) else places))}")
    runs = order.runs_of(recipe.train_loader)
    source = recipe.model.pretrained_model_name_or_path
    configuration = read_configuration(source, recipe.model.config, recipe.model.config_overrides)
    if recipe.eval_loader is None:
        evaluated = tuple(run for run in runs if VALIDATION in run.streams)
    else:
        evaluated = order.runs_of(recipe.eval_loader)
    all_runs = runs if recipe.eval_loader is None else (*runs, *evaluated)
    for run in all_runs:
        check_run(recipe, run, configuration)
    recipe = order.settled(recipe, runs, checkpoints.recorded_data(recipe))
    batching = _batching(recipe, runs)
    folder = Path(recipe.run_folder)
    vision = vision_of(all_runs)
    return Prepared(recipe, runs[0], configuration, batching, folder, runs, vision, evaluated)


def _filled_in(recipe: TrainRecipe) -> TrainRecipe:
    names = ("run_folder", "save_folder", "export_folder")
    given = {name: getattr(recipe, name) for name in names}
    filled = {name: text.replace("{run_name}", recipe.run_name) for name, text in given.items() if text}
    return recipe.model_copy(update=filled)


def _batching(recipe: TrainRecipe, runs: tuple[Run, ...]) -> Batching:
    ranks = dist.get_world_size()
    counts = order.traces_of_epoch(recipe.train_loader.dataset, runs)
    if recipe.global_train_batch_samples is not None:
        size = steps.step_size(counts, recipe.global_train_batch_samples, ranks)
    else:
        assert recipe.global_train_batch_size is not None
        size = steps.spread(counts, recipe.global_train_batch_size)
    log_rank0(str(size))
    return batching_of(size.packs, ranks)
