"""Which packs a training reads, in which order: settled before anything is made, and kept when it resumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from composer.utils import dist

from octomed.errors import RecipeError
from octomed.stream.batching import canonical_nodes_before, canonical_nodes_for, check_world, parts_of
from octomed.stream.cache_folder import default_cache
from octomed.stream.counts import World
from octomed.train.steps import traces_of_packs

if TYPE_CHECKING:
    from octomed.stream import Run
    from octomed.stream.mixing import Mix
    from octomed.train.checkpoints import Recorded
    from octomed.train.schema import Dataset, Loader, TrainRecipe


def runs_of(loader: Loader) -> tuple[Run, ...]:
    """Open the packed runs of a loader.

    Raises
    ------
    RecipeError, DataError, StorageError
        When one cannot be read, or two do not go together.
    """
    chosen = loader.dataset
    from octomed.stream.mixing import open_runs  # noqa: PLC0415 the longest chain of imports

    return open_runs(chosen.remote, attempts=chosen.download_retry, timeout=chosen.download_timeout)


def mix_of(chosen: Dataset, runs: tuple[Run, ...]) -> Mix:
    """Return what an epoch has of each stream."""
    from octomed.stream.mixing import mix  # noqa: PLC0415 the longest chain of imports

    return mix(runs, chosen.shares, chosen.streams, chosen.split)


def traces_of_epoch(chosen: Dataset, runs: tuple[Run, ...]) -> list[int]:
    """Count the traces of an epoch's packs; a machine's first rank keeps what the others read."""
    mixed, cache = mix_of(chosen, runs), Path(chosen.local or default_cache())
    counts: list[int] = []
    with dist.run_local_rank_zero_first():
        for part in mixed.parts:
            run = runs[part.run]
            traces = traces_of_packs(run, [part.name], cache / run.key)
            evenly = np.arange(part.given) * part.packs // part.given  # all, or every so many, or some often
            counts += np.array(traces)[evenly].tolist()
    return counts


def settled(recipe: TrainRecipe, runs: tuple[Run, ...], found: Recorded | None) -> TrainRecipe:
    """Return the recipe with `num_canonical_nodes` filled in, which decides the order of packs.

    Where it is left out, checkpoints that the training resumes from say it: the default follows from the
    packs, and may be another one than when they were made.

    Parameters
    ----------
    recipe
        The recipe.
    runs
        Its packed runs.
    found
        What checkpoints that are resumed from say of their data.

    Raises
    ------
    RecipeError
        When the recipe asks for another order than checkpoints that do not say theirs have, or the machines
        cannot share theirs.
    """
    chosen = recipe.train_loader.dataset
    parts = parts_of(mix_of(chosen, runs), chosen.batching_method)
    ranks = dist.get_local_world_size()
    world = World(dist.get_world_size() // ranks, ranks)
    kept = None if found is None else _kept(found, chosen, parts, world)
    number = chosen.num_canonical_nodes or kept or canonical_nodes_for(parts, world.nodes)
    dataset = chosen.model_copy(update={_NAME: number})
    return recipe.model_copy(
        update={"train_loader": recipe.train_loader.model_copy(update={"dataset": dataset})}
    )


def _kept(found: Recorded, chosen: Dataset, parts: list[int], world: World) -> int | None:
    """Return what checkpoints had, where the recipe asks for nothing else."""
    recorded = found.data.get(_NAME)
    number = canonical_nodes_before(min(parts)) if recorded is None else int(recorded)
    if chosen.num_canonical_nodes not in {None, number}:
        if recorded is not None:
            return None  # `checkpoints.check_meaning` names all keys that differ
        raise RecipeError(
            f"the checkpoints in `{found.folder}` are of another recipe: `data.{_NAME}` differs",
            f"leave it out, or set it to {number}",
        )
    try:
        check_world(number, min(parts), world)
    except RecipeError as error:
        where = f"the checkpoints in `{found.folder}`"
        raise RecipeError(
            f"{where} cannot be resumed on {world.nodes} machines: {error.message}",
            f"resume on a number of machines that divides {number}, or begin a new order with their weights: "
            "`load_path`, `load_weights_only=true`, another `save_folder`",
        ) from error
    return number


def of_validation(loader: Loader) -> Loader:
    """Return a loader of the validation streams of the runs that are trained on."""
    changes = {"split": "validation", "streams": None, "shares": None, _NAME: None}
    return loader.model_copy(update={"dataset": loader.dataset.model_copy(update=changes), "num_workers": 0})


_NAME = "num_canonical_nodes"
