"""Floating-point operations of a vision tower, from the sizes of images alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from octomed.stream.tower_tables import Grid, TowerTables

_FORWARD, _OF_INPUTS, _OF_WEIGHTS = 2.0, 2.0, 2.0
"""Operations an entry of a matrix and row: of the forward pass, and of either gradient in the backward."""
_MATRICES = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Conv3d)


class Matrices(NamedTuple):
    """Entries of the matrices that a row is multiplied by: all, and those that are trained."""

    all: int
    trained: int


def matrices_of(modules: Iterable[torch.nn.Module]) -> Matrices:
    """Count the entries of the matrices of some modules; those of adapters beside them are counted, too."""
    found = [
        (_entries(module), any(one.requires_grad for one in module.parameters(recurse=False)))
        for parent in modules
        for module in parent.modules()
        if isinstance(module, _MATRICES)
    ]
    return Matrices(sum(size for size, _ in found), sum(size for size, trained in found if trained))


def _entries(module: Any) -> int:  # noqa: ANN401 of `_MATRICES`
    """Return how many entries a matrix has; quantised weights hold several in a number."""
    if isinstance(module, torch.nn.Linear):
        return module.in_features * module.out_features
    return int(module.weight.numel())


class TowerWork:
    """Counts of a tower that its operations follow from.

    Parameters
    ----------
    tower
        The vision tower of Qwen2.5-VL or Qwen3-VL; what is frozen is asked for once, in the first step.
    tables
        What its windows depend on.
    """

    def __init__(self, tower: Any, tables: TowerTables) -> None:  # noqa: ANN401 a class of each family
        self._tower = tower
        self._tables = tables
        config = tower.config
        self.width = int(config.hidden_size)
        depth = len(tower.blocks)
        self.whole = (
            depth if tables.window is None else len(set(config.fullatt_block_indexes) & {*range(depth)})
        )
        self.windowed = depth - self.whole

    @cached_property
    def body(self) -> Matrices:
        """Matrices that patches are multiplied by."""
        return matrices_of((self._tower.patch_embed, *self._tower.blocks))

    @cached_property
    def mergers(self) -> Matrices:
        """Matrices that units are multiplied by."""
        return matrices_of((self._tower.merger, *getattr(self._tower, "deepstack_merger_list", ())))

    def operations(self, sizes: Sequence[Grid]) -> float:
        """Return the operations of a training step's tower, recomputation not counted.

        Two an entry of a matrix and row forward, two for the gradient of its input where that is wanted, two
        for its own where it is trained: six, or two for a frozen tower. And the attention that stretches
        really have: the sum of their squared lengths.

        Parameters
        ----------
        sizes
            Patches of each image along time, height and width.
        """
        patches = units = whole = windowed = 0
        for frames, height, width in sizes:
            tables = self._tables.of_grid((frames, height, width))
            patches += int(tables.counts[0, 0])
            units += int(tables.counts[0, 1])
            whole += frames * (height * width) ** 2
            if tables.window_lengths is not None:
                windowed += int((tables.window_lengths.astype("int64") ** 2).sum())
        backward = self.body.trained > 0
        pairs = self.whole * whole + self.windowed * windowed
        return (
            patches * _of(self.body, backward=backward)
            + units * _of(self.mergers, backward=backward or self.mergers.trained > 0)
            + 2 * self.width * pairs * (_FORWARD + backward * (_OF_INPUTS + _OF_WEIGHTS))
        )


def _of(matrices: Matrices, *, backward: bool) -> float:
    """Return the operations of a row."""
    through = _FORWARD + backward * _OF_INPUTS
    return through * matrices.all + _OF_WEIGHTS * matrices.trained
