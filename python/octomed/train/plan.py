"""What memory a training takes on each GPU, from its recipe and the model's configuration alone.

The model is built on the device `meta`; what its pieces hold comes from running one of each without memory
(`plan_parts`). A step is then gone through in thought: the most that lives at once is the answer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from octomed.train import plan_parts
from octomed.train.build import build_model, text_configuration, vision_tower
from octomed.train.freeze import make_trainable
from octomed.train.layers import chosen_layers
from octomed.train.network import decoder
from octomed.train.plan_parts import Types
from octomed.train.plan_values import Moment, Parts, Planned, Weights

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from octomed.train.plan_values import Hardware, Load
    from octomed.train.plan_watch import Course
    from octomed.train.schema import TrainRecipe

_FLOAT32 = 4
_IN_FLIGHT = 3
"""Layers that FSDP2 has whole at a time: one that runs, the next, and what that one arrives in."""


class Planner:
    """Plans trainings of one model; what was measured of its pieces is kept.

    Parameters
    ----------
    configuration
        Of the model.
    hardware
        Where it is to run.
    """

    def __init__(self, configuration: PretrainedConfig, hardware: Hardware) -> None:
        self.hardware = hardware
        self._configuration = configuration
        self._models: dict[tuple[str, bool, bool], PreTrainedModel] = {}

    def plan(self, recipe: TrainRecipe, load: Load) -> Planned:
        """Return what a training takes on each GPU.

        Parameters
        ----------
        recipe
            A training recipe.
        load
            What a GPU is given.

        Raises
        ------
        RecipeError
            When the recipe cannot be for this model, or a package for it is missing.
        """
        return _Step(recipe, self._model(recipe, vision=load.patches > 0), load, self.hardware).planned()

    def _model(self, recipe: TrainRecipe, *, vision: bool) -> PreTrainedModel:
        settings = recipe.model.model_copy(update={"activation_checkpointing": False})
        key = (settings.model_dump_json(), vision, recipe.fsdp_config is not None)
        if key not in self._models:
            with torch.device("meta"):
                model = build_model(self._configuration, dtype=recipe.model.dtype)
                make_trainable(model, recipe.model, vision=vision, sharded=recipe.fsdp_config is not None)
            self._models[key] = model
        return self._models[key]


class _Step:
    """A step of one recipe, gone through in thought."""

    def __init__(self, recipe: TrainRecipe, model: PreTrainedModel, load: Load, hardware: Hardware) -> None:
        self.recipe, self.model, self.load, self.hardware = recipe, model, load, hardware
        self.sharded = recipe.fsdp_config is not None
        self.ranks = hardware.gpus if self.sharded else 1
        self.types = types_of(recipe, hardware, load)
        self.layers = [_weights(layer) for layer in decoder(model).layers]
        tower: Any = vision_tower(model)
        self.blocks = [_weights(block) for block in tower.blocks] if tower is not None else []
        self.rest = _rest(model)
        self.units = [*self.layers, *self.blocks, self.rest]
        self.stream = load.tokens * text_configuration(model.config).hidden_size * self.types.stream.itemsize

    def planned(self) -> Planned:
        """Return all moments."""
        parameters = list(self.model.parameters())
        moments = [*self._tower(), self._loss(), *self._backward(), self._end(), self._optimizer()]
        return Planned(
            tuple(moments),
            sum(one.numel() for one in parameters),
            sum(one.numel() for one in parameters if one.requires_grad),
        )

    # What is there all the time

    def _always(self) -> Parts:
        sizes = {"adamw8bit": 2.0}
        state = sum(unit.bytes(None, ranks=self.ranks, trained=True) for unit in self.units) * 2
        if self.recipe.optimizer.name in sizes:
            values = sum(unit.bytes(1, ranks=self.ranks, trained=True) for unit in self.units)
            state = values * sizes[self.recipe.optimizer.name]
        always = {
            "weights": sum(unit.bytes(ranks=self.ranks) for unit in self.units),
            "optimizer state": state,
            "batch": float(self.load.tokens * 64 + self.load.patches * self._patch_bytes() * 2),
        }
        if self.hardware.gpus > 1 and not self.sharded:
            always["DDP's buckets"] = self._gradients(self.units)
        return always

    def _gradients(self, units: list[Weights]) -> float:
        """Return what stays of gradients until the optimizer's step."""
        return sum(unit.bytes(ranks=self.ranks, trained=True) for unit in units)

    def _gathered(self, layers: int) -> Parts:
        """Return whole weights: of the root as long as it runs, and of so many layers."""
        if self.recipe.fsdp_config is None:
            return {}
        size = self.types.stream.itemsize
        whole = [unit.bytes(size) for unit in (*self.layers, *self.blocks)]
        kept = 0.0 if self.recipe.fsdp_config.reshard_after_forward else sum(whole)
        return {"gathered weights": self.rest.bytes(size) + max(kept, layers * max(whole))}

    def _reduced(self, unit: Weights) -> float:
        """Return what a unit's whole gradients take on their way to their shards."""
        if not self.sharded:
            return 0.0
        assert self.recipe.fsdp_config is not None
        lossless = self.recipe.fsdp_config.mixed_precision == "DEFAULT"
        return unit.bytes(_FLOAT32 if lossless else self.types.stream.itemsize, trained=True)

    def _patch_bytes(self) -> int:
        tower: Any = vision_tower(self.model)
        if tower is None:
            return 0
        config = tower.config
        return int(config.in_channels * config.patch_size**2) if hasattr(config, "in_channels") else 3 * 16**2

    # What the passes hold

    def _kept_by_layers(self, count: int) -> float:
        """Return what the first layers keep for the backward pass."""
        share = float(self.recipe.model.activation_checkpointing)
        again = set(chosen_layers(len(self.layers), share))
        return sum(self._layer(recomputed=number in again).kept for number in range(count))

    def _layer(self, *, recomputed: bool) -> Course:
        measure = plan_parts.compiled_course if self._compiled() else plan_parts.layer_course
        return _measured(measure, self.model, self.load.tokens, self.types, recomputed=recomputed)

    def _compiled(self) -> bool:
        return self.recipe.model.compile_layers and self.hardware.device == "cuda"

    def _block(self, *, recomputed: bool) -> Course:
        return _measured(
            plan_parts.block_course, self.model, self.load.patches, self.types, recomputed=recomputed
        )

    def _tower_trained(self) -> bool:
        return bool(self.load.patches) and any(unit.bytes(trained=True) for unit in self.blocks)

    def _kept_by_tower(self, count: int) -> float:
        if not self._tower_trained():
            return 0.0
        again = set(chosen_layers(len(self.blocks), float(self.recipe.model.activation_checkpointing)))
        return sum(self._block(recomputed=number in again).kept for number in range(count))

    def _features(self) -> float:
        """Return the features of images, which the decoder's first layers take."""
        text = text_configuration(self.model.config)
        return self.load.patches / 4 * text.hidden_size * self.types.stream.itemsize

    def _before_loss(self) -> Parts:
        """Return what lives when the decoder has run: embeddings, what layers keep, the last states."""
        norm = _norm(self.model, self.load.tokens, self.types)
        images = self.stream + self._features() if self.load.patches else 0.0
        ends = 2 * self.stream + norm.kept + self.load.learned * self.stream + images
        return {
            "gradients": self._gradients(self.units) if self.load.microbatches > 1 else 0.0,
            "activations": self._kept_by_layers(len(self.layers)) + ends,
            "vision tower": self._kept_by_tower(len(self.blocks)),
        }

    def _loss_course(self) -> Course:
        learned = max(1, int(self.load.tokens * self.load.learned))
        wanted = self.recipe.loss.implementation
        liger = wanted == "liger" or (
            wanted == "auto" and self.hardware.liger and self.recipe.loss.weight == "token"
        )
        if self.hardware.device == "cuda" and liger:
            return plan_parts.liger_course(self.model, learned, self.types)
        return _loss(self.model, learned, self.types, self.recipe.loss.tokens_at_once)

    # The moments

    def _moment(self, name: str, *more: Parts) -> Moment:
        parts = dict(self._always())
        for one in more:
            for key, value in one.items():
                parts[key] = parts.get(key, 0.0) + value
        return Moment(name, {key: value for key, value in parts.items() if value})

    def _tower(self) -> list[Moment]:
        if not self.load.patches:
            return []
        tower: Any = vision_tower(self.model)
        width, inner = tower.config.hidden_size, tower.config.intermediate_size
        size = self.types.stream.itemsize
        pixels = self.load.patches * self._patch_bytes() * 2 * (_FLOAT32 + size)
        working = max(pixels, self.load.patches * (8 * width + 2 * inner) * size)
        gradients = self._gradients(self.units) if self.load.microbatches > 1 else 0.0
        kept = {"vision tower": self._kept_by_tower(len(self.blocks)) + working, "gradients": gradients}
        return [self._moment("the vision tower's forward pass", kept, self._gathered(_IN_FLIGHT))]

    def _loss(self) -> Moment:
        course = self._loss_course()
        held: Parts = {"loss": max(course.forward, course.backward)}
        return self._moment("the loss", self._before_loss(), held, self._gathered(0))

    def _backward(self) -> list[Moment]:
        """Return the backward passes of the decoder's layers, from the last, and of the tower's blocks."""
        share = float(self.recipe.model.activation_checkpointing)
        again, moments = set(chosen_layers(len(self.layers), share)), []
        tower = self._kept_by_tower(len(self.blocks))
        for number in (len(self.layers) - 1, *sorted(again)[-1:], 0):
            course = self._layer(recomputed=number in again)
            held = {
                "gradients": self._made([*self.layers[number + 1 :], self.rest]),
                "activations": self._kept_by_layers(number) + self.stream,
                "working memory": course.backward + 2 * self._reduced(self.layers[number]),
                "vision tower": tower,
            }
            gathered = self._gathered(_IN_FLIGHT)
            moments.append(self._moment(f"the backward pass of layer {number + 1}", held, gathered))
        if self._tower_trained():
            number = len(self.blocks) - 1
            course = self._block(recomputed=number in chosen_layers(len(self.blocks), share))
            held = {
                "gradients": self._made([*self.layers, self.rest]),
                "working memory": course.backward + 2 * self._reduced(self.blocks[-1]),
                "vision tower": self._kept_by_tower(number),
            }
            gathered = self._gathered(_IN_FLIGHT)
            moments.append(self._moment("the backward pass of the vision tower", held, gathered))
        return moments

    def _made(self, units: list[Weights]) -> float:
        """Return the gradients that are there when so much of the backward pass is done."""
        if self.load.microbatches > 1:
            return self._gradients(self.units)
        head: Any = self.model.lm_head
        layers = [unit for unit in units if unit is not self.rest]
        own = head.weight.numel() * head.weight.element_size() if head.weight.requires_grad else 0
        return self._gradients(layers) + (own / self.ranks if self.sharded else own)

    def _end(self) -> Moment:
        """Return the end of the backward pass, where a table of embeddings gets its gradient."""
        table: Any = self.model.get_input_embeddings()
        own = table.weight.numel() * self.types.stream.itemsize if table.weight.requires_grad else 0
        held: Parts = {
            "gradients": self._gradients(self.units),
            "working memory": own * (1 if self._is_tied() or self.load.microbatches > 1 else 0)
            + self._reduced(self.rest)
            + (self.rest.bytes(self.types.stream.itemsize, trained=True) if self.sharded else 0.0),
            "activations": self.stream,
        }
        return self._moment("the end of the backward pass", held, self._gathered(0))

    def _is_tied(self) -> bool:
        head, table = self.model.lm_head, self.model.get_input_embeddings()
        return bool(head.weight is table.weight)

    def _optimizer(self) -> Moment:
        settings = self.recipe.optimizer
        fused = (
            (settings.name == "adamw" and self.hardware.device == "cuda")
            if settings.fused is None
            else settings.fused
        )
        trained = [one for unit in self.units for one in unit.shapes if one[2]]
        largest = max(
            (-(-rows // self.ranks) * others * size for rows, others, _, size in trained), default=0
        )
        together = settings.name == "adamw" and self.hardware.device == "cuda"
        copies = 0.0 if fused else (self._gradients(self.units) if together else 2 * largest)
        held: Parts = {"gradients": self._gradients(self.units), "working memory": copies}
        return self._moment("the optimizer's step", held)


def types_of(recipe: TrainRecipe, hardware: Hardware, load: Load) -> Types:
    """Return how a recipe's numbers are kept where its layers run."""
    own: torch.dtype = getattr(torch, recipe.model.dtype)
    precision = recipe.precision or ("amp_bf16" if hardware.device == "cuda" else "fp32")
    products = torch.bfloat16 if precision == "amp_bf16" else own
    sharded = recipe.fsdp_config is not None and recipe.fsdp_config.mixed_precision != "FULL"
    stream = products if sharded and precision == "amp_bf16" else own
    fused = hardware.device == "cuda" and torch.bfloat16 in {stream, products}
    return Types(stream, products, fused, () if fused else load.documents)


def _weights(module: torch.nn.Module) -> Weights:
    return Weights(tuple(_shape(one) for one in module.parameters()))


def _shape(parameter: torch.nn.Parameter) -> tuple[int, int, bool, float]:
    rows = parameter.shape[0] if parameter.ndim else 1
    return rows, parameter.numel() // max(1, rows), parameter.requires_grad, parameter.element_size()


def _rest(model: PreTrainedModel) -> Weights:
    """Return what is in no layer: embeddings, output layer, norms, and what is around the tower's blocks."""
    tower: Any = vision_tower(model)
    stacks = [decoder(model).layers, *([tower.blocks] if tower is not None else [])]
    inside = {id(one) for stack in stacks for one in stack.parameters()}
    return Weights(tuple(_shape(one) for one in model.parameters() if id(one) not in inside))


@lru_cache(maxsize=64)
def _measured(measure: Any, model: Any, size: int, types: Types, *, recomputed: bool) -> Course:  # noqa: ANN401 as they are
    found: Course = measure(model, size, types, recomputed=recomputed)
    return found


@lru_cache(maxsize=64)
def _norm(model: Any, tokens: int, types: Types) -> Course:  # noqa: ANN401 as above
    return plan_parts.norm_course(model, tokens, types)


@lru_cache(maxsize=64)
def _loss(model: Any, learned: int, types: Types, tokens_at_once: int) -> Course:  # noqa: ANN401 as above
    return plan_parts.loss_course(model, learned, types, tokens_at_once)
