"""Lengths to packs: whole items, best fit decreasing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from octomed import _octomed
from octomed.errors import DataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Packing", "pack_lengths"]


@dataclass(frozen=True, eq=False)
class Packing:
    """Which items lie in which pack.

    A sequence of packs, each a view of item numbers; packs are in the order in which they were opened,
    items in the order in which they were placed, longest first.

    Attributes
    ----------
    offsets : ndarray of int64, shape [packs + 1]
        Items of pack ``p`` are ``items[offsets[p]:offsets[p + 1]]``.
    items : ndarray of uint32, shape [items]
        Positions in the input, pack after pack.
    capacity : int
        The most that a pack holds, in the unit of the lengths.
    fill : float
        The share of all packs' capacity that the items fill; 1.0 without packs.
    lower_bound : int
        No packing has fewer packs: the larger of ⌈sum / capacity⌉ and the number of items longer than
        half the capacity.
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.uint32]
    capacity: int
    fill: float
    lower_bound: int

    def __len__(self) -> int:
        """Return the number of packs."""
        return len(self.offsets) - 1

    def __getitem__(self, pack: int) -> NDArray[np.uint32]:
        """Return the items of one pack; negative numbers count from the end."""
        packs = len(self)
        if not -packs <= pack < packs:
            raise IndexError(f"pack {pack} of {packs}")
        pack %= packs
        return self.items[self.offsets[pack] : self.offsets[pack + 1]]

    def __iter__(self) -> Iterator[NDArray[np.uint32]]:
        """Iterate over the packs."""
        return (self[pack] for pack in range(len(self)))


def pack_lengths(lengths: ArrayLike | pa.Array | pa.ChunkedArray, capacity: int) -> Packing:
    """Pack whole items into as few packs as best fit decreasing needs.

    Items are sorted by counting and each goes into the fullest pack that has room for it, found in a
    bitset of remaining capacities: O(log capacity) an item. Items of one length are placed in input
    order, so equal inputs give equal packs.

    Parameters
    ----------
    lengths : array-like of int, shape [items]
        NumPy array, Arrow array or list; each from 1 to `capacity`, in tokens or any other unit.
    capacity : int
        The most that a pack holds, from 1 to 16,777,216.

    Returns
    -------
    Packing
        Packs, their fill, and the bound that no packing goes below.

    Raises
    ------
    octomed.errors.DataError
        If an item has length 0, a negative one, or one above `capacity`: it is named, never dropped.
    octomed.errors.RecipeError
        If the capacity is out of bounds.

    Examples
    --------
    >>> packing = pack_lengths([3, 9, 1, 5], 10)
    >>> [pack.tolist() for pack in packing]
    [[1, 2], [3, 0]]
    >>> packing.fill
    0.9
    """
    if not 0 < capacity < 2**32:
        raise RecipeError(f"the capacity is {capacity}, and must lie between 1 and 16777216")
    array = pa.array(_as_uint32(lengths))
    offsets, items, fill, bound = _octomed.pack_lengths(array, capacity)
    return Packing(
        offsets=offsets.to_numpy().astype(np.int64),
        items=items.to_numpy(),
        capacity=capacity,
        fill=fill,
        lower_bound=bound,
    )


def _as_uint32(lengths: ArrayLike | pa.Array | pa.ChunkedArray) -> NDArray[np.uint32]:
    """Check that lengths are one row of whole numbers that 32 bits hold."""
    values = np.asarray(lengths)
    if values.ndim != 1:
        raise DataError(f"lengths have {values.ndim} dimensions, not 1")
    if values.size == 0:
        return np.empty(0, np.uint32)
    if values.dtype.kind not in "iu":
        raise DataError(f"lengths are {values.dtype}, not whole numbers without nulls")
    if values.dtype != np.uint32:
        outside = np.flatnonzero((values < 0) | (values >= 2**32))
        if outside.size:
            raise DataError(f"item {outside[0]} has length {values[outside[0]]}")
    return np.ascontiguousarray(values, np.uint32)
