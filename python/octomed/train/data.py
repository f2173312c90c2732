"""Loaders of packed batches out of a recipe, and what they have to agree with before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError, RecipeError
from octomed.pipeline.models.families import VISION_LANGUAGE
from octomed.pipeline.models.model import BUILTIN_TEMPLATES, resolve_model
from octomed.stream import Collator, PackedDataset
from octomed.stream.images import Vision, check_model
from octomed.stream.run_numbers import WithRuns
from octomed.stream.tower_tables import TowerTables
from octomed.train.build import text_configuration
from octomed.train.loader import PackLoader
from octomed.train.pack_costs import costs_of
from octomed.train.processors import check_processors
from octomed.train.worker_processes import WorkerContext

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from octomed.stream import Run
    from octomed.train.schema import Loader, TrainRecipe


@dataclass(frozen=True)
class Batching:
    """Packs a step.

    Attributes
    ----------
    global_size
        Over all ranks.
    per_rank
        On each.
    """

    global_size: int
    per_rank: int


def batching_of(packs: int, ranks: int) -> Batching:
    """Share a step's packs out over ranks.

    Raises
    ------
    RecipeError
        When they cannot be shared out evenly.
    """
    if packs % ranks:
        near = max(1, round(packs / ranks)) * ranks
        raise RecipeError(
            f"a step of {packs} packs cannot be shared out over {ranks} ranks",
            f"set `global_train_batch_size={near}`, or use a number of ranks that divides {packs}",
        )
    return Batching(packs, packs // ranks)


def make_loader(  # noqa: PLR0913 keyword-only settings
    settings: Loader,
    packs: int,
    configuration: PretrainedConfig,
    *,
    vision: Vision | None = None,
    frozen_vision: bool = False,
    adapters: bool = False,
    quiet: bool = False,
) -> PackLoader:
    """Return a loader that yields the batch contract of `octomed.stream`.

    Parameters
    ----------
    settings
        Of the recipe.
    packs
        Packs a batch, on each rank.
    configuration
        Of the model: which positions it takes, and how many tokens it knows.
    frozen_vision
        Whether the vision tower is not trained, by which packs of images cost less.
    adapters
        Whether adapters are trained beside weights that stay as they are.
    vision
        How images are prepared, where there are any.
    quiet
        Print nothing about repeated packs.
    """
    chosen = settings.dataset
    dataset = PackedDataset(
        chosen.remote,
        batch_size=packs,
        streams=chosen.streams,
        split=chosen.split,
        shuffle=chosen.shuffle if chosen.split == "train" else False,
        shuffle_seed=chosen.shuffle_seed,
        batching_method=chosen.batching_method,
        shares=chosen.shares,
        balance=chosen.balance,
        costs=costs_of(configuration, frozen_vision=frozen_vision, adapters=adapters),
        num_canonical_nodes=chosen.num_canonical_nodes,
        cache=chosen.local,
        cache_limit=chosen.cache_limit,
        download_retry=chosen.download_retry,
        download_timeout=chosen.download_timeout,
        quiet=quiet,
    )
    workers: dict[str, Any] = {"num_workers": settings.num_workers}
    if settings.num_workers:
        workers |= {"prefetch_factor": settings.prefetch_factor, "persistent_workers": True}
        workers |= {"multiprocessing_context": WorkerContext()}  # a signal to the group leaves them alone
    collate: Any = collator_of(configuration, vision)
    if len(dataset.runs) > 1:
        collate = WithRuns(collate)
    return PackLoader(dataset, batch_size=packs, collate_fn=collate, **workers)


def collator_of(configuration: PretrainedConfig, vision: Vision | None = None) -> Collator:
    """Return the collator for a model: its positions, its vocabulary to check ids against, its images.

    Parameters
    ----------
    configuration
        Of the model.
    vision
        How images are prepared, where there are any: a batch whose packs show none then has the keys of
        images with no rows.
    """
    vocabulary = text_configuration(configuration).vocab_size
    if vision is None:
        positions: Any = "mrope" if configuration.model_type in VISION_LANGUAGE else "text"
        return Collator(positions=positions, vocabulary_size=vocabulary)
    return Collator(
        positions="mrope",
        vocabulary_size=vocabulary,
        vision=vision,
        share_images=True,
        tower_tables=TowerTables.of(configuration),
    )


def check_run(recipe: TrainRecipe, run: Run, configuration: PretrainedConfig) -> None:
    """Refuse a run that was packed for another model.

    Raises
    ------
    DataError
        When ids lie beyond the model's vocabulary, packs beyond its positions or the recipe's `max_seq_len`,
        the run's tokenizer is not the model's, or its images are not prepared for it, as its configuration
        and that of its image processor say.
    """
    check_model(run.vision, configuration, run.location)
    if run.vision is not None:
        check_processors(recipe, Vision.of(run.vision), run.location)
    text = text_configuration(configuration)
    packed = run.content.tokenizer.vocabulary_size
    if packed > text.vocab_size:
        raise DataError(
            f"`{run.location}` was packed with a tokenizer of {packed:,} entries; "
            f"the model knows {text.vocab_size:,}",
            "pack with the model's own tokenizer, or train the model that the run was packed for",
        )
    capacity = run.content.capacity
    for limit, what in (
        (text.max_position_embeddings, "the model's positions"),
        (recipe.max_seq_len, "`max_seq_len`"),
    ):
        if limit is not None and capacity > limit:
            raise DataError(
                f"packs of `{run.location}` hold up to {capacity:,} tokens; {what} end at {limit:,}",
                f"pack again with `--set pack.capacity={limit}`, or raise the limit",
            )
    _check_tokenizer(recipe, run)


def _check_tokenizer(recipe: TrainRecipe, run: Run) -> None:
    name = recipe.tokenizer.name if recipe.tokenizer else recipe.model.pretrained_model_name_or_path
    if name is None or (recipe.tokenizer is None and not (Path(name) / "tokenizer.json").is_file()):
        return
    found = resolve_model(name, BUILTIN_TEMPLATES[0], base=Path.cwd()).tokenizer().content_hash
    if found != run.content.tokenizer.content_hash:
        raise DataError(
            f"`{run.location}` was packed with another tokenizer than `{name}`: "
            f"that of `{run.content.model.get('name')}`",
            "its ids mean other text to this model: pack again with `model:` set to what is trained",
        )
