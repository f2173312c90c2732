"""The vision tower of a language model, run on all images of a batch at once.

Patch embedding, layers and mergers are the model's own modules, called as modules, so that sharding and
recomputation reach them. What is ours is what lies between: everything that follows from the images' sizes
comes with the batch (`octomed.stream.tower_tables`), and a layer attends in one call
(`octomed.train.tower_attention`).
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from octomed.errors import DataError
from octomed.stream.contract import MADE_BY
from octomed.stream.pixels import pixel_values
from octomed.stream.tower_tables import TowerTables
from octomed.train.build import vision_tower
from octomed.train.tower_attention import AttentionInput, Stretches, take_over
from octomed.train.tower_work import TowerWork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedModel

    from octomed.stream.images import Vision
    from octomed.stream.tower_tables import Grid

_WEIGHTS = "image_corner_weights"
"""How much of each of the four position embeddings around it a patch has."""
_NEEDED = ("image_patches", "image_grid_thw")
"""What the tower reads of a batch beside its tables."""


class Features(NamedTuple):
    """What a tower makes of images, one after another.

    Attributes
    ----------
    merged
        [units, width of the decoder]: what takes the place of image tokens.
    deep
        The same shape for each of the first decoder layers that add them, for Qwen3-VL; else empty.
    """

    merged: torch.Tensor
    deep: tuple[torch.Tensor, ...]


class Order(NamedTuple):
    """The order in which windows have the units of all images, and their patches."""

    units: torch.Tensor
    patches: torch.Tensor


class Unrounded:
    """Numbers of a batch that FSDP2's mixed precision does not find, and so leaves in float32.

    Attributes
    ----------
    values
        The numbers.
    """

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values


def unrounded(batch: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a batch whose weights of interpolation, if it has any, are kept in float32.

    FSDP2 casts all numbers that a module is given to the type in which it computes.

    Parameters
    ----------
    batch
        The batch contract of `octomed.stream`.
    """
    weights = batch.get(_WEIGHTS)
    return {**batch, _WEIGHTS: Unrounded(weights)} if isinstance(weights, torch.Tensor) else batch


class Tower:
    """The vision tower of a language model; owns no parameters.

    Parameters
    ----------
    language_model
        Of Qwen2.5-VL or Qwen3-VL, made by `octomed.train.build.build_model`. Its modules are looked up in
        each call: they may be wrapped and sharded in between.
    vision
        How the run's images are prepared.

    Raises
    ------
    RecipeError
        When the model has no vision tower.
    InternalError
        When the tower's attention is not as known.
    """

    def __init__(self, language_model: PreTrainedModel, vision: Vision) -> None:
        self.tables = TowerTables.of(language_model.config)
        self._model = language_model
        self._vision = vision
        self._smallest: dict[str, dict[str, Any]] = {}
        self._rotate = take_over(self._tower)
        self._work = TowerWork(self._tower, self.tables)

    def __call__(self, batch: Mapping[str, Any]) -> Features:
        """Return the features of a batch's images, each once and in order.

        Parameters
        ----------
        batch
            Of a `Collator` with `tower_tables`: pixels as bytes, and the tables.

        Raises
        ------
        DataError
            When the batch has no image, or lacks a table, or a value is not as long as its images.
        """
        self._check(batch)
        order = self._order(batch)
        with contextlib.nullcontext() if _is_trained(self._tower) else torch.no_grad():
            hidden = self._embedded(batch, order)
            hidden, taken = self._layers(hidden, *self._inputs(batch, order))
        return self._merged(hidden, taken, order)

    def smallest(self, device: torch.device | str) -> dict[str, Any]:
        """Return what the loader would make of one image of one unit, on a device.

        Made once for each device, so it is not to be changed.

        Parameters
        ----------
        device
            Where its tensors are.
        """
        name = str(device)
        if name not in self._smallest:
            merge = self.tables.merge_size
            patches = torch.zeros((merge**2, self._vision.patch_bytes), dtype=torch.uint8)
            batch = self.tables.of_images([(1, merge, merge)])
            batch |= {"image_patches": patches, "image_grid_thw": torch.tensor([[1, merge, merge]])}
            self._smallest[name] = {
                key: value.to(device) if isinstance(value, torch.Tensor) else value
                for key, value in batch.items()
            }
        return dict(self._smallest[name])

    def operations(self, batch: Mapping[str, Any]) -> float:
        """Return the floating-point operations of a training step's tower on a batch's images.

        From `image_sizes` alone; recomputation is not counted, and what is frozen has no backward pass.
        """
        return self._work.operations(batch["image_sizes"])

    def units(self, batch: Mapping[str, Any]) -> int:
        """Return how many rows the features of a batch's images have."""
        return sum(math.prod(size) for size in batch["image_sizes"]) // self.tables.merge_size**2

    @property
    def _tower(self) -> Any:  # noqa: ANN401 a class of each family
        return vision_tower(self._model)

    def _check(self, batch: Mapping[str, Any]) -> None:
        wanted = (*_NEEDED, *self.smallest("cpu"))
        missing = ", ".join(f"`{name}`" for name in dict.fromkeys(wanted) if name not in batch)
        if missing:
            message = f"the batch has no {missing}, which the vision tower needs"
            raise DataError(message, f"{MADE_BY} with `tower_tables`")
        sizes = batch["image_sizes"]
        patches = sum(math.prod(size) for size in sizes)
        rows = {name: len(batch[name]) for name in ("image_patches", "image_positions")}
        if not len(sizes) or len(batch["image_grid_thw"]) != len(sizes) or {*rows.values()} != {patches}:
            raise DataError(
                f"the batch has {len(sizes)} images of {patches:,} patches, and "
                + ", ".join(f"`{name}` of {count:,}" for name, count in rows.items()),
                MADE_BY,
            )

    def _embedded(self, batch: Mapping[str, Any], order: Order | None) -> torch.Tensor:
        """Return the patches' embeddings, in the order of the layers."""
        tower = self._tower
        weight = tower.patch_embed.proj.weight
        hidden: torch.Tensor = tower.patch_embed(
            pixel_values(batch["image_patches"], self._vision, weight.dtype)
        )
        if self.tables.grid_side is not None:
            hidden = hidden + _interpolated(tower.pos_embed, batch)
        return hidden if order is None else hidden.index_select(0, order.patches)

    def _layers(
        self, hidden: torch.Tensor, whole: AttentionInput, windowed: AttentionInput | None
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        """Return the last hidden states, and those that are merged besides, by the layer that they are of."""
        config = self._tower.config
        taken, indexes = {}, getattr(config, "deepstack_visual_indexes", ())
        for number, block in enumerate(self._tower.blocks):
            everywhere = windowed is None or number in config.fullatt_block_indexes
            hidden = block(hidden, cu_seqlens=whole if everywhere else windowed)
            if number in indexes:
                taken[number] = hidden
        return hidden, taken

    def _merged(
        self, hidden: torch.Tensor, taken: Mapping[int, torch.Tensor], order: Order | None
    ) -> Features:
        """Return what units are merged into, in the order of the patches."""
        tower = self._tower
        merged = tower.merger(hidden)
        if order is not None:
            back = torch.empty_like(order.units)
            back[order.units] = torch.arange(len(back), device=back.device)
            merged = merged.index_select(0, back)
        indexes = list(getattr(tower.config, "deepstack_visual_indexes", ()))
        deep = [tower.deepstack_merger_list[indexes.index(layer)](one) for layer, one in taken.items()]
        return Features(merged, tuple(deep))

    def _order(self, batch: Mapping[str, Any]) -> Order | None:
        """Return the order of windows; an image's units are numbered from 0 in the batch."""
        if self.tables.window is None:
            return None
        order, units = batch["image_window_order"].long(), batch["image_counts"][:, 1]
        first = units.cumsum(0) - units
        order = order + first.repeat_interleave(units, output_size=len(order))
        size = self.tables.merge_size**2
        return Order(order, (order[:, None] * size + torch.arange(size, device=order.device)).flatten())

    def _inputs(
        self, batch: Mapping[str, Any], order: Order | None
    ) -> tuple[AttentionInput, AttentionInput | None]:
        """Return what layers are given that attend to whole images, and those that attend to windows."""
        cos, sin = self._rotations(batch, order)
        sizes: Sequence[Grid] = batch["image_sizes"]
        frames = np.array([[size[0], size[1] * size[2]] for size in sizes])
        lengths = np.repeat(frames[:, 1], frames[:, 0])
        grids = batch["image_grid_thw"]
        on_device = (grids[:, 1] * grids[:, 2]).repeat_interleave(grids[:, 0], output_size=len(lengths))
        whole = AttentionInput(Stretches(_edges(on_device), lengths), self._rotate, cos, sin)
        if order is None:
            return whole, None
        tables = [self.tables.of_grid((size[0], size[1], size[2])) for size in sizes]
        windows = [one.window_lengths for one in tables if one.window_lengths is not None]
        stretches = Stretches(_edges(batch["image_window_lengths"]), np.concatenate(windows).astype(np.int64))
        return whole, AttentionInput(stretches, self._rotate, cos, sin)

    def _rotations(self, batch: Mapping[str, Any], order: Order | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosines and sines of the rotations of each patch, in the order of the layers."""
        positions = batch["image_positions"]
        if order is not None:
            positions = positions.index_select(0, order.patches)
        rotary = self._tower.rotary_pos_emb
        if hasattr(rotary, "attention_scaling"):  # transformers 5 makes them of positions
            cos, sin = rotary(positions, positions)
            return cos, sin
        frequencies = rotary.inv_freq
        angles = (positions.to(frequencies.dtype)[:, :, None] * frequencies).flatten(1)
        both = torch.cat((angles, angles), dim=-1)
        return both.cos(), both.sin()


def _is_trained(tower: Any) -> bool:  # noqa: ANN401 a class of each family
    """Tell whether anything before the mergers is trained."""
    parts = (tower.patch_embed, tower.blocks, getattr(tower, "pos_embed", None))
    return any(one.requires_grad for part in parts if part is not None for one in part.parameters())


def _interpolated(embeddings: torch.nn.Embedding, batch: Mapping[str, Any]) -> torch.Tensor:
    """Return the position embedding of each patch, between the four around it.

    Summed in float32, or in a wider type of the embeddings, and rounded once.
    """
    indices, weights = batch["image_corner_indices"], batch[_WEIGHTS]
    weights = weights.values if isinstance(weights, Unrounded) else weights
    total: Any = 0
    for corner in range(indices.shape[1]):  # one by one, so that four of all are never in memory
        total = total + embeddings(indices[:, corner]) * weights[:, corner, None]
    interpolated: torch.Tensor = total.to(embeddings.weight.dtype)
    return interpolated


def _edges(lengths: torch.Tensor) -> torch.Tensor:
    """Return the edges of stretches of these lengths."""
    return torch.nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
