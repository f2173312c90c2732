"""Where a training begins: from scratch, at a checkpoint that the recipe names, or where another ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from composer.core import Callback
from composer.utils import dist, reproducibility

from octomed.errors import RecipeError
from octomed.train import checkpoints
from octomed.train.log import log_rank0

if TYPE_CHECKING:
    from composer import Trainer
    from composer.core import State
    from composer.loggers import Logger

    from octomed.train.prepare import Prepared


def load_path_of(prepared: Prepared) -> str | None:
    """Return the checkpoint to begin from, and sign the folder of checkpoints as this recipe's.

    Parameters
    ----------
    prepared
        From `octomed.train.prepare.prepare`.

    Raises
    ------
    RecipeError
        When the folder holds checkpoints that this training would resume from or overwrite, and must not.
    """
    recipe, folder = prepared.recipe, prepared.recipe.save_folder
    if recipe.load_path is not None:
        checkpoints.check_adapters(recipe.load_path, recipe)
    if folder is None:
        return recipe.load_path
    newest, broken = checkpoints.newest_checkpoint(folder)
    if (newest or broken) and not recipe.autoresume:
        raise RecipeError(
            f"`{folder}` already holds checkpoints",
            "`autoresume=true` resumes from the newest; or choose another `save_folder`",
        )
    meaning = checkpoints.meaning_of(recipe, prepared.key, prepared.batching.global_size)
    if newest or broken:
        before = checkpoints.check_meaning(folder, meaning)
        _note_duration(before, recipe.max_duration)
    dist.barrier()
    checkpoints.write_meaning(folder, meaning, recipe.max_duration)
    for name in broken:
        log_rank0(f"warning: checkpoint `{name}` was not completely written: ignored")
    if recipe.autoresume and newest:
        log_rank0(f"resuming from `{newest}`")
        return newest
    return recipe.load_path


def _note_duration(before: str | None, duration: str) -> None:
    if before not in {None, duration}:
        log_rank0(f"note: `max_duration` was {before}: from here on the schedule is that of {duration}")


class RandomState(Callback):
    """Go on with a checkpoint's random state when the first step begins: what is dropped out follows from it.

    Composer 0.32 restores it at the beginning of an epoch, and elsewhere only where it has to skip batches.

    Parameters
    ----------
    trainer
        Composer's, its checkpoint loaded.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer: Any = trainer

    def batch_start(self, state: State, logger: Logger) -> None:
        """Restore it, once."""
        del state, logger
        if self.trainer._rng_state is not None:  # noqa: SLF001 Composer keeps it there for itself
            reproducibility.load_rng_state(self.trainer._rng_state)  # noqa: SLF001 as above
            self.trainer._rng_state = None  # noqa: SLF001 as above
