"""Which settings would make a training fit that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from octomed.errors import OctomedError
from octomed.train.plan_values import fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from octomed.train.plan import Planner
    from octomed.train.plan_values import Hardware, Load, Planned
    from octomed.train.schema import TrainRecipe

_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_GRAIN = 1024
"""Steps in which shorter packs are tried."""


class Training(NamedTuple):
    """A recipe, and what a GPU is given of it."""

    recipe: TrainRecipe
    load: Load


class Advice(NamedTuple):
    """Settings that make it fit.

    Attributes
    ----------
    settings
        As words of a command line: `fsdp_config={}`.
    most
        Bytes that it then takes.
    """

    settings: tuple[str, ...]
    most: float


class _Step(NamedTuple):
    words: str
    change: Callable[[Training], Training]


def advise(training: Training, planner: Planner, memory: float) -> list[Advice]:
    """Return what makes a training fit: each single setting that does, else the fewest together.

    Parameters
    ----------
    training
        That does not fit.
    planner
        Of its model.
    memory
        Bytes of a GPU.
    """

    def tried(one: Training) -> Planned | None:
        try:
            return planner.plan(one.recipe, one.load)
        except OctomedError:  # such a setting is none for this model, or a package for it is missing
            return None

    found = []
    for steps in _single(training, planner.hardware):
        for step in steps:
            planned = tried(step.change(training))
            if planned is not None and fits(planned, memory):
                found.append(Advice((step.words,), planned.most.total))
                break
    return found or list(_together(training, tried, planner.hardware, memory))


def _together(
    training: Training,
    tried: Callable[[Training], Planned | None],
    hardware: Hardware,
    memory: float,
) -> Iterator[Advice]:
    """Add one setting to another, each at its most, those first that change the result least."""
    words: list[str] = []
    for steps in _single(training, hardware):
        if not steps:
            continue
        step = steps[-1]
        changed = step.change(training)
        planned = tried(changed)
        if planned is None:
            continue
        training, words = changed, [*words, step.words]
        if fits(planned, memory):
            yield Advice(tuple(words), planned.most.total)
            return


def _single(training: Training, hardware: Hardware) -> list[Sequence[_Step]]:
    """Return the settings that there are, each from its least to its most."""
    recipe, load = training
    shares = [share for share in _SHARES if share > float(recipe.model.activation_checkpointing)]
    lengths = range(load.tokens // _GRAIN * _GRAIN, 0, -_GRAIN)
    found: list[Sequence[_Step]] = [
        [_share(share) for share in shares],
        [_Step("fsdp_config={}", _sharded)] if hardware.gpus > 1 and recipe.fsdp_config is None else [],
        [_Step("optimizer.fused=true", _fused)] if _is_unfused(recipe) else [],
        [_Step("model.dtype=bfloat16", _halved)] if recipe.model.dtype != "bfloat16" else [],
        [_shorter(tokens, load) for tokens in (*_some(lengths),) if tokens < load.tokens],
        [_Step("model.freeze_vision=true", _frozen)]
        if load.patches and not recipe.model.freeze_vision
        else [],
        [_Step("model.lora={}", _adapted)] if recipe.model.lora is None else [],
    ]
    return found


def _some(lengths: range) -> Iterator[int]:
    """Return halves of the longest pack, which are few."""
    length = lengths.start
    while length // 2 >= _GRAIN:
        length = length // 2
        yield length


def _model(training: Training, **changes: object) -> Training:
    recipe = training.recipe
    return training._replace(
        recipe=recipe.model_copy(update={"model": recipe.model.model_copy(update=changes)})
    )


def _share(share: float) -> _Step:
    value: object = (share < 1 and share) or True
    words = f"model.activation_checkpointing={share if share < 1 else 'true'}"
    return _Step(words, lambda training: _model(training, activation_checkpointing=value))


def _shorter(tokens: int, load: Load) -> _Step:
    def change(training: Training) -> Training:
        patches = load.patches * tokens // load.tokens
        return training._replace(load=replace(training.load, tokens=tokens, patches=patches))

    return _Step(f"packs of {tokens:,} tokens (`pack.capacity`)", change)


def _sharded(training: Training) -> Training:
    from octomed.train.schema import Fsdp  # noqa: PLC0415 keeps chains of imports short

    return training._replace(recipe=training.recipe.model_copy(update={"fsdp_config": Fsdp()}))


def _is_unfused(recipe: TrainRecipe) -> bool:
    return recipe.optimizer.name == "adamw" and recipe.optimizer.fused is False


def _fused(training: Training) -> Training:
    recipe = training.recipe
    optimizer = recipe.optimizer.model_copy(update={"fused": True})
    return training._replace(recipe=recipe.model_copy(update={"optimizer": optimizer}))


def _halved(training: Training) -> Training:
    return _model(training, dtype="bfloat16")


def _frozen(training: Training) -> Training:
    return _model(training, freeze_vision=True)


def _adapted(training: Training) -> Training:
    from octomed.train.schema_model import Lora  # noqa: PLC0415 as above

    return _model(training, lora=Lora(), freeze_language=None)
