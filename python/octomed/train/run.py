"""A training run: from a recipe to Composer's `Trainer`, and what is written at its end."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from composer import Evaluator, Trainer
from composer.utils import dist, reproducibility
from composer.utils.parallelism import FSDP2Config

from octomed.errors import RecipeError
from octomed.train import attention, checkpoints, components
from octomed.train.about import about
from octomed.train.adapter_state import keep_what_is_trained
from octomed.train.batches import data_spec
from octomed.train.build import build_model
from octomed.train.checkpoint_files import remove_half_written, write_whole_files
from octomed.train.data import make_loader
from octomed.train.export import AdapterAlone, export_model
from octomed.train.facts import TrainingFacts, write_facts
from octomed.train.freeze import frozen_parts, make_trainable
from octomed.train.image_ablation import NAMES
from octomed.train.layers import compile_layers, recompute_layers
from octomed.train.lock import exclusive
from octomed.train.log import log_rank0
from octomed.train.loss import choose_implementation
from octomed.train.model import OctomedModel
from octomed.train.optim import make_optimizer
from octomed.train.order import of_validation
from octomed.train.prepare import Prepared, prepare
from octomed.train.report_writer import next_steps, report_at_the_end
from octomed.train.resume import RandomState, load_path_of
from octomed.train.threads import share_cores
from octomed.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.train.schema import TrainRecipe


def train(recipe: TrainRecipe) -> Trainer:
    """Train as a recipe says.

    Parameters
    ----------
    recipe
        From `octomed.train.recipe.load_train_recipe`.

    Returns
    -------
    Trainer
        After its last step.

    Raises
    ------
    RecipeError, DataError, StorageError
        Before the first step where that is possible, with what to do.
    """
    prepared = prepare(recipe)
    with _exclusive_folders(prepared):
        trainer = make_trainer(prepared)
        with report_at_the_end(prepared):
            _fit(recipe, trainer)
            finish(prepared, trainer)
        next_steps(prepared)
    return trainer


def _fit(recipe: TrainRecipe, trainer: Trainer) -> None:
    if recipe.eval_first and trainer.state.evaluators and trainer.state.timestamp.batch == 0:
        trainer.eval()
    if trainer.state.timestamp < trainer.state.max_duration:
        trainer.fit()
    else:
        log_rank0(f"nothing to train: step {trainer.state.timestamp.batch.value} is the last")


def make_trainer(prepared: Prepared) -> Trainer:
    """Return Composer's trainer for a prepared recipe, its checkpoint loaded."""
    recipe = prepared.recipe
    threads = share_cores(recipe.threads_per_rank)
    if threads is not None:  # torch was loaded before
        torch.set_num_threads(threads)
    reproducibility.seed_all(recipe.seed)
    write_whole_files()
    load_path = load_path_of(prepared)
    model = make_model(prepared)
    evaluator = _evaluator(prepared)
    callbacks = _callbacks(prepared, model)
    log_rank0("making Composer's trainer" + (", reading the checkpoint" if load_path else ""))
    trainer = Trainer(
        model=model,
        train_dataloader=data_spec(_train_loader(prepared), weighting=recipe.loss.weight),
        eval_dataloader=evaluator,
        eval_interval=recipe.eval_interval if evaluator else 1,
        optimizers=make_optimizer(model, recipe.optimizer),
        algorithms=components.make_algorithms(recipe, images=prepared.vision is not None),
        callbacks=callbacks,
        loggers=components.make_loggers(recipe, prepared.folder),
        run_name=recipe.run_name,
        max_duration=recipe.max_duration,
        precision=_precision(recipe),
        device_train_microbatch_size=recipe.device_train_microbatch_size,
        accumulate_train_batch_on_tokens=True,
        parallelism_config=_parallelism(recipe),
        seed=recipe.seed,
        progress_bar=recipe.progress_bar,
        load_path=load_path,
        load_weights_only=recipe.load_weights_only,
        load_strict_model_weights=recipe.model.lora is None,  # a checkpoint of adapters has no base
        load_progress_bar=False,
        save_folder=recipe.save_folder,
        save_filename=checkpoints.FILENAME,
        save_latest_filename=None,
        save_overwrite=True,
        save_interval=recipe.save_interval,
        save_weights_only=recipe.save_weights_only,
        save_num_checkpoints_to_keep=recipe.save_num_checkpoints_to_keep,
    )
    trainer.state.callbacks.append(RandomState(trainer))
    return trainer


def make_model(prepared: Prepared) -> OctomedModel:
    """Return the model of a prepared recipe, and say what of it is trained."""
    recipe = prepared.recipe
    source = recipe.model.pretrained_model_name_or_path if recipe.model.pretrained else None
    log_rank0(
        f"building the model: {prepared.configuration.model_type}, "
        + (f"weights of `{source}`" if source else "random weights")
    )
    language_model = build_model(prepared.configuration, source, seed=recipe.seed, dtype=recipe.model.dtype)
    trained = make_trainable(
        language_model,
        recipe.model,
        vision=prepared.learns_from_images,
        seed=recipe.seed,
        sharded=recipe.fsdp_config is not None,
    )
    loss = recipe.loss
    model = OctomedModel(
        language_model,
        weighting=loss.weight,
        vision=prepared.vision,
        swap_images=recipe.eval_swapped_images,
        tokens_at_once=loss.tokens_at_once,
        implementation=choose_implementation(loss.implementation, _device(), loss.weight),
    )
    if trained.adapted is not None:
        keep_what_is_trained(model, trained.adapted.base, source or f"random weights of seed {recipe.seed}")
    if recipe.model.compile_layers:
        compile_layers(language_model)
    if recipe.model.activation_checkpointing:
        recompute_layers(model, language_model, float(recipe.model.activation_checkpointing))
    kernel = attention.kernel_name(_device(), _matrix_type(recipe))
    kind = prepared.configuration.model_type
    log_rank0(f"model: {kind}")
    for line in trained.lines():
        log_rank0(line)
    log_rank0(f"attention: {kernel}, documents apart")
    return model


def finish(prepared: Prepared, trainer: Trainer) -> None:
    """Close what the training has open, and export the model."""
    recipe = prepared.recipe
    close: Any = trainer.close
    close()
    model: Any = getattr(trainer.state.model, "module", trainer.state.model)
    if recipe.export_folder is not None:
        log_rank0(f"exporting the model to `{recipe.export_folder}`")
        tokenizer = recipe.tokenizer.name if recipe.tokenizer else recipe.model.pretrained_model_name_or_path
        base = recipe.model.pretrained_model_name_or_path
        alone = AdapterAlone(base) if recipe.export == "adapter" else None
        export_model(model, Path(recipe.export_folder), tokenizer, prepared.shown.content, alone=alone)
        log_rank0(f"exported to `{recipe.export_folder}`")


@contextlib.contextmanager
def _exclusive_folders(prepared: Prepared) -> Iterator[None]:
    """Hold the local folders that a training writes to; the first rank does."""
    folders = {str(prepared.folder), prepared.recipe.save_folder or str(prepared.folder)}
    with contextlib.ExitStack() as held:
        if dist.get_global_rank() == 0:
            for folder in sorted(folder for folder in folders if not is_url(folder)):
                held.enter_context(exclusive(folder))
                remove_half_written(folder)
        yield


def _train_loader(prepared: Prepared) -> Any:  # noqa: ANN401 Streaming has no types
    settings = prepared.recipe.train_loader
    packs, model = prepared.batching.per_rank, prepared.configuration
    chosen = prepared.recipe.model
    frozen = frozen_parts(chosen, vision=prepared.learns_from_images)["vision"]
    return make_loader(
        settings,
        packs,
        model,
        vision=prepared.vision,
        frozen_vision=frozen and not (chosen.lora is not None and chosen.lora.vision),
        adapters=chosen.lora is not None,
    )


def _evaluator(prepared: Prepared) -> Evaluator | None:
    recipe = prepared.recipe
    if recipe.eval_swapped_images:
        _check_swap(prepared)
    if not prepared.evaluated:
        return None
    settings = recipe.eval_loader or of_validation(recipe.train_loader)
    packs, model = recipe.device_eval_batch_size, prepared.configuration
    alike = settings.dataset.model_copy(update={"balance": "off"})  # no step waits for the slowest
    settings = settings.model_copy(update={"dataset": alike})
    loader = make_loader(settings, packs, model, vision=prepared.vision)
    return Evaluator(
        label="validation",
        dataloader=data_spec(loader, weighting=recipe.loss.weight),
        metric_names=["loss", *(NAMES if recipe.eval_swapped_images else ())],
    )


def _check_swap(prepared: Prepared) -> None:
    """Refuse to swap images where none are shown."""
    if not any(run.vision for run in prepared.evaluated):
        lacks = "what is evaluated shows no image" if prepared.evaluated else "nothing is evaluated"
        raise RecipeError(f"`eval_swapped_images` has nothing to swap: {lacks}", "set it to false")


def _callbacks(prepared: Prepared, model: OctomedModel) -> list[Any]:
    if dist.get_global_rank() == 0:
        prepared.folder.mkdir(parents=True, exist_ok=True)
        recipe = prepared.recipe.model_dump(mode="json")
        places = tuple(run.location for run in prepared.runs[1:] and prepared.runs)  # of several
        facts = TrainingFacts(prepared.packed.location, recipe, places, about(prepared, model))
        write_facts(prepared.folder, facts)
    return components.make_callbacks(
        prepared.recipe,
        prepared.configuration,
        folder=prepared.folder,
        capacity=prepared.packed.content.capacity,
        vision=prepared.vision,
    )


def _parallelism(recipe: TrainRecipe) -> dict[str, Any] | None:
    """Return Composer's setting: under any other key than `fsdp` it would be ignored."""
    return None if recipe.fsdp_config is None else {"fsdp": FSDP2Config(**recipe.fsdp_config.model_dump())}


def _precision(recipe: TrainRecipe) -> str:
    return recipe.precision or ("amp_bf16" if torch.cuda.is_available() else "fp32")


def _matrix_type(recipe: TrainRecipe) -> torch.dtype:
    if _precision(recipe) == "amp_bf16":
        return torch.bfloat16
    kind: torch.dtype = getattr(torch, recipe.model.dtype)
    return kind


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
