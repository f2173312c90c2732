"""What a GPU is given in a step: from a recipe, the packed run that it names, and what a user says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from octomed.errors import OctomedError, RecipeError
from octomed.pipeline.models.families import VISION_LANGUAGE
from octomed.train.plan_values import Load

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from octomed.stream import Run
    from octomed.train.schema import TrainRecipe

_PATCHES_A_TOKEN = 4
"""Patches that a token of an image stands for, for all families."""


def load_of(
    recipe: TrainRecipe,
    configuration: PretrainedConfig,
    gpus: int,
    *,
    tokens: int | None = None,
    patches: int | None = None,
) -> tuple[Load, list[str]]:
    """Return what a GPU is given, and notes on what had to be taken for granted.

    Parameters
    ----------
    recipe
        A training recipe.
    configuration
        Of its model.
    gpus
        Over all machines.
    tokens, patches
        Of a pack; the run's if left out.

    Raises
    ------
    RecipeError
        When neither the run nor the recipe says how long a pack is.
    """
    run, notes = _run(recipe, needed=tokens is None or patches is None)
    if tokens is None:
        tokens, more = _tokens(recipe, run)
        notes += more
    if patches is None:
        patches, more = _patches(run, tokens)
        notes += more
    if patches and configuration.model_type not in VISION_LANGUAGE:
        raise RecipeError(
            f"a {configuration.model_type} model has no vision tower for {patches:,} patches",
            "leave `--patches` out, or plan a vision-language model",
        )
    at_once = recipe.device_train_microbatch_size
    steps, more = _microbatches(recipe, run, gpus)
    return Load(tokens * at_once, patches * at_once, steps), notes + more


def _run(recipe: TrainRecipe, *, needed: bool) -> tuple[Run | None, list[str]]:
    if not needed:
        return None, []
    from octomed.stream.mixing import open_runs  # noqa: PLC0415 the longest chain of imports

    chosen = recipe.train_loader.dataset
    try:
        runs = open_runs(chosen.remote, attempts=1, timeout=chosen.download_timeout)
        return max(runs, key=lambda run: (run.content.capacity, run.vision is not None)), []
    except OctomedError as error:
        return None, [f"the packed run is not read: {error.message}"]


def _tokens(recipe: TrainRecipe, run: Run | None) -> tuple[int, list[str]]:
    if run is not None:
        return run.content.capacity, []
    if recipe.max_seq_len is None:
        raise RecipeError(
            "neither the packed run nor `max_seq_len` says how many tokens a pack holds",
            "give `--tokens 16384`, or pack the run first",
        )
    return recipe.max_seq_len, [
        f"packs are taken to hold {recipe.max_seq_len:,} tokens, as `max_seq_len` says"
    ]


def _patches(run: Run | None, tokens: int) -> tuple[int, list[str]]:
    if run is None or run.vision is None:
        note = "packs are taken to hold no images; `--patches` says otherwise"
        return 0, [note] if run is None else []
    section = run.content.recipe.get("pack")
    most = section.get("max_patches") if isinstance(section, dict) else None
    if isinstance(most, int):
        return most, [f"packs are taken to hold {most:,} patches of images, as `pack.max_patches` says"]
    most = tokens * _PATCHES_A_TOKEN
    return most, [f"packs are taken to be all images, {most:,} patches: `--patches` says otherwise"]


def _microbatches(recipe: TrainRecipe, run: Run | None, gpus: int) -> tuple[int, list[str]]:
    """Return how often a GPU goes forward and backward before the optimizer moves."""
    packs: float | None = recipe.global_train_batch_size
    notes = []
    if packs is None:
        assert recipe.global_train_batch_samples is not None
        traces = _traces_a_pack(run)
        if traces is None:
            return 2, ["a step is taken to be of several microbatches, so that gradients add up"]
        packs = recipe.global_train_batch_samples / traces
        notes = [f"a step of {recipe.global_train_batch_samples} traces is about {packs:,.0f} packs"]
    return max(1, math.ceil(packs / gpus / recipe.device_train_microbatch_size)), notes


def _traces_a_pack(run: Run | None) -> float | None:
    streams = list(run.content.streams.values()) if run is not None else []
    packs = sum(one.packs for one in streams)
    return sum(one.traces for one in streams) / packs if packs else None
