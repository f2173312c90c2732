"""What a vision tower derives from the grids of its images, made in the loader and not in each step.

Positions for its rotary embedding, the order of its windows, the corners between which it interpolates its
position embeddings: all of it follows from an image's grid and three numbers of the model's configuration.
Every value is local to its image, so that a batch is cut between images by slicing.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch

from octomed.errors import DataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Grid = tuple[int, int, int]
"""Patches of an image along time, height and width."""
Corners = Literal["spaced", "divided"]
"""How transformers rounds the place of a patch between position embeddings: until 5.17, and since."""

_KEPT = 256
_KEPT_PATCHES = 4096
"""The tables of so many grids are kept, of up to so many patches each: at most 42 MB."""


class ImageTables(NamedTuple):
    """Tables of one grid; those that its model does not use are ``None``."""

    counts: NDArray[np.int64]
    positions: NDArray[np.int32]
    window_order: NDArray[np.int32] | None
    window_lengths: NDArray[np.int32] | None
    corner_indices: NDArray[np.int32] | None
    corner_weights: NDArray[np.float32] | None


@dataclass(frozen=True)
class TowerTables:
    """What the tables of a vision tower depend on.

    Attributes
    ----------
    merge_size
        Patches along a side of a unit: the square of patches that becomes one token.
    window
        Units along a side of a window that most layers attend inside of; ``None`` where all attend to the
        whole image.
    grid_side
        Position embeddings along a side of their table; ``None`` where there is none.
    corners
        How the place of a patch between position embeddings is rounded.

    Examples
    --------
    >>> tables = TowerTables(merge_size=2, window=4)
    >>> batch = tables.of_images([(1, 4, 10), (1, 2, 2)])  # patches along time, height and width
    >>> batch["image_counts"]  # of patches, units and windows
    tensor([[40, 10,  2],
            [ 4,  1,  1]])
    >>> batch["image_window_order"]  # units of each image: the second window is its last column
    tensor([0, 1, 2, 3, 5, 6, 7, 8, 4, 9, 0], dtype=torch.int32)
    >>> batch["image_window_lengths"]  # in patches
    tensor([32,  8,  4], dtype=torch.int32)
    """

    merge_size: int
    window: int | None = None
    grid_side: int | None = None
    corners: Corners = "spaced"

    def __post_init__(self) -> None:
        """Refuse what no tower has."""
        for name in ("merge_size", "window", "grid_side"):
            value = getattr(self, name)
            if value is not None and value < 1:
                hint = "`vision_config` of the model says otherwise than it was published"
                raise RecipeError(f"a vision tower with a `{name}` of {value} is not possible", hint)

    @classmethod
    def of(cls, configuration: Any) -> TowerTables:  # noqa: ANN401 of transformers
        """Read the configuration of a model.

        Parameters
        ----------
        configuration
            Of Qwen2.5-VL or Qwen3-VL, in transformers.

        Raises
        ------
        RecipeError
            When it has no vision tower, or one whose windows are smaller than a unit.
        """
        vision = getattr(configuration, "vision_config", None)
        if vision is None:
            name = getattr(configuration, "model_type", "?")
            raise RecipeError(f"a model of `{name}` has no vision tower", "train a model that has one")
        merge, window = int(vision.spatial_merge_size), getattr(vision, "window_size", None)
        entries = getattr(vision, "num_position_embeddings", None)
        return cls(
            merge,
            None if window is None else int(window) // merge // int(vision.patch_size),
            None if entries is None else int(entries**0.5),
            "divided" if _divides() else "spaced",
        )

    def of_images(self, grids: Sequence[Sequence[int]] | NDArray[Any]) -> dict[str, Any]:
        """Return the values of a batch for its images, in order.

        Parameters
        ----------
        grids
            Patches of each image along time, height and width; may be empty.

        Returns
        -------
        dict
            By the names of the batch contract, those that this tower uses.

        Raises
        ------
        DataError
            When a grid is not whole units.
        """
        sizes: tuple[Grid, ...] = tuple(_grid(one) for one in grids)
        tables = [self.of_grid(size) for size in sizes]
        batch: dict[str, Any] = {"image_sizes": sizes}
        for field, empty in zip(ImageTables._fields, self.of_grid(_none(self.merge_size)), strict=True):
            if empty is not None:
                joined = np.concatenate([empty[:0], *(getattr(table, field) for table in tables)])
                batch[f"image_{field}"] = torch.from_numpy(joined)
        return batch

    def of_grid(self, grid: Grid) -> ImageTables:
        """Return the tables of one image, not to be written to.

        Raises
        ------
        DataError
            When the grid is not whole units.
        """
        _, height, width = grid
        if min(grid) < 1 or height % self.merge_size or width % self.merge_size:
            raise DataError(
                f"an image of {height} x {width} patches is not whole squares of {self.merge_size}",
                "pack again for the model that is trained",
            )
        kept = grid[0] * height * width <= _KEPT_PATCHES
        return _of_grid(self, grid) if kept else _of_grid.__wrapped__(self, grid)


@lru_cache(_KEPT)
def _of_grid(tables: TowerTables, grid: Grid) -> ImageTables:
    """Return the tables of a grid; patches are in the order in which units stand one after another."""
    frames, height, width = grid
    merge = tables.merge_size
    block_rows, block_columns, rows, columns = np.indices(
        (height // merge, width // merge, merge, merge), np.int32
    )
    rows, columns = (block_rows * merge + rows).ravel(), (block_columns * merge + columns).ravel()
    order, lengths = _windows(tables, grid)
    indices, weights = _corners(tables, grid, rows, columns)
    patches = frames * height * width
    units, windows = patches // merge**2, 0 if lengths is None else len(lengths)
    return ImageTables(
        np.array([[patches, units, windows]]),
        np.tile(np.stack([rows, columns], axis=1), (frames, 1)),
        order,
        lengths,
        indices,
        weights,
    )


def _windows(tables: TowerTables, grid: Grid) -> tuple[NDArray[np.int32] | None, NDArray[np.int32] | None]:
    """Return in which order windows have an image's units, and how many patches each window has."""
    if tables.window is None:
        return None, None
    frames, height, width = grid[0], grid[1] // tables.merge_size, grid[2] // tables.merge_size
    rows, columns = np.indices((height, width)) // tables.window
    window = (rows * -(-width // tables.window) + columns).ravel()
    order = np.argsort(window, kind="stable")
    first = np.arange(frames)[:, None] * len(order)
    lengths = np.bincount(window) * tables.merge_size**2
    return (first + order).ravel().astype(np.int32), np.tile(lengths, frames).astype(np.int32)


def _corners(
    tables: TowerTables, grid: Grid, rows: NDArray[np.int32], columns: NDArray[np.int32]
) -> tuple[NDArray[np.int32] | None, NDArray[np.float32] | None]:
    """Return the four position embeddings around each patch, and the weight of each."""
    if tables.grid_side is None:
        return None, None
    frames, height, width = grid
    above, of_rows = _along(tables, height)
    left, of_columns = _along(tables, width)
    indices = above[rows][:, :, None] * tables.grid_side + left[columns][:, None, :]
    weights = of_rows[rows][:, :, None] * of_columns[columns][:, None, :]
    return (
        np.tile(indices.reshape(-1, 4), (frames, 1)).astype(np.int32),
        np.tile(weights.reshape(-1, 4), (frames, 1)),
    )


def _along(tables: TowerTables, size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return for each patch along a side the position embeddings before and after it, and their weights.

    In float32 and in the order of operations of the transformers that is installed: a tower in float64 would
    show a difference.
    """
    last = int(tables.grid_side or 1) - 1
    if tables.corners == "spaced":
        places = torch.linspace(0, last, size, dtype=torch.float32)
    else:
        places = torch.arange(size, dtype=torch.float32) * last / max(size - 1, 1)
    before = places.floor()
    after = places - before
    if tables.corners == "divided":
        after = 1 - (places - before - 1).abs()
    indices = (before.long()[:, None] + torch.arange(2)).clamp(max=last)
    return indices.numpy(), torch.stack([1 - (places - before), after], dim=1).numpy()


def _grid(sizes: Sequence[int] | NDArray[Any]) -> Grid:
    frames, height, width = (int(size) for size in sizes)
    return frames, height, width


def _none(merge_size: int) -> Grid:
    """Return a grid whose tables show which there are, and of which types."""
    return 1, merge_size, merge_size


@lru_cache
def _divides() -> bool:
    """Tell whether the transformers that is installed divides, as it does since 5.18."""
    if importlib.util.find_spec("transformers") is None:
        return False
    if importlib.util.find_spec("transformers.vision_utils") is None:
        return False
    module = importlib.import_module("transformers.vision_utils")
    return hasattr(module, "get_vision_interpolation_indices_and_weights")
