"""Which parts of a model are trained: whole, by adapters, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.train.adapters import add_adapters, number_of_weights
from octomed.train.build import PARTS, parts_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from octomed.train.adapters import Adapted
    from octomed.train.build import Part
    from octomed.train.schema_model import Model


@dataclass(frozen=True)
class Trained:
    """What of a model is trained.

    Attributes
    ----------
    counts
        By part that the model has: parameters that are trained, and all of them.
    adapted
        Its adapters, if it has any.
    """

    counts: dict[Part, tuple[int, int]]
    adapted: Adapted | None = None

    @property
    def trained(self) -> int:
        """Parameters that are trained."""
        return sum(trained for trained, _ in self.counts.values())

    def lines(self) -> list[str]:
        """Say it.

        Examples
        --------
        >>> Trained({"vision": (0, 600), "language": (5000, 5000)}).lines()
        ['parameters trained: vision 0 of 600, language 5,000 of 5,000']
        """
        parts = [f"{part} {trained:,} of {whole:,}" for part, (trained, whole) in self.counts.items()]
        adapted = self.adapted.lines() if self.adapted is not None else []
        return [f"parameters trained: {', '.join(parts)}", *adapted]


def make_trainable(
    language_model: PreTrainedModel,
    settings: Model,
    *,
    vision: bool,
    seed: int = 17,
    sharded: bool = False,
) -> Trained:
    """Freeze what a recipe leaves as it is, and add adapters where it wants them.

    Parameters
    ----------
    language_model
        From `octomed.train.build.build_model`; changed in place.
    settings
        The recipe's `model`.
    vision
        Whether the data has images. Without, the tower and its mergers are frozen unless the recipe says
        otherwise; with images all is trained. With adapters all else is frozen unless it says otherwise.
    seed
        Of the adapters' random weights.
    sharded
        Whether FSDP2 will shard the model: it wants one type of weights a layer.

    Raises
    ------
    RecipeError
        When the recipe names a part that the model lacks, or nothing would be trained.
    """
    parts = parts_of(language_model)
    frozen = frozen_parts(settings, vision=vision)
    for part in PARTS:
        if part not in parts and getattr(settings, f"freeze_{part}") is not None:
            kind = language_model.config.model_type
            raise RecipeError(f"`model.freeze_{part}`: a {kind} model has no {part} part", "leave it out")
        for parameter in parts.get(part, {}).values():
            parameter.requires_grad = not frozen[part]
    adapted = None
    if settings.lora is not None:
        if settings.lora.vision and not (vision and "vision" in parts):
            why = "the data has no images" if "vision" in parts else "the model has no vision tower"
            raise RecipeError(f"`model.lora.vision` would adapt what is not used: {why}", "leave it out")
        adapted = add_adapters(language_model, settings.lora, seed=seed, sharded=sharded)
    trained = Trained(_counts(language_model), adapted)
    used = trained.counts if vision else {"language": trained.counts["language"]}
    if not any(count for count, _ in used.values()):
        names = ", ".join(f"`model.freeze_{part}`" for part in used)
        raise RecipeError(f"all that the data uses is frozen: nothing would be trained ({names})", _UNFREEZE)
    return trained


_UNFREEZE = "leave one of them out, or set `model.lora`"


def frozen_parts(settings: Model, *, vision: bool) -> dict[Part, bool]:
    """Return which parts stay as they are; a text run's mergers go with its tower, which it never enters.

    Parameters
    ----------
    settings
        The recipe's `model`.
    vision
        Whether the data has images.

    Examples
    --------
    >>> from octomed.train.schema_model import Model
    >>> frozen_parts(Model(config={}, freeze_vision=True), vision=True)
    {'vision': True, 'projector': False, 'language': False}
    """
    adapters = settings.lora is not None
    tower = adapters or not vision if settings.freeze_vision is None else settings.freeze_vision
    projector = (
        (adapters if vision else tower) if settings.freeze_projector is None else settings.freeze_projector
    )
    return {"vision": tower, "projector": projector, "language": adapters or bool(settings.freeze_language)}


def _counts(model: PreTrainedModel) -> dict[Part, tuple[int, int]]:
    return {
        part: (
            sum(number_of_weights(one) for one in parameters.values() if one.requires_grad),
            sum(number_of_weights(one) for one in parameters.values()),
        )
        for part, parameters in parts_of(model).items()
    }
