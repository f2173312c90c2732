"""A batch on its way out of a loader worker: the packs that it is made of, and how.

A finished batch has 52 bytes a token, and to share them with the training process costs more than to make
them. So a worker reads, unpacks and checks the packs, and sends their 4 bytes a token; they become tensors
where they arrive: in the loader's pinning thread, where there is one. Images are decoded in the worker, and
cross as patches of bytes in shared memory, an eighth of what a vision tower takes; so does what a tower
derives from their grids.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    Images = tuple[int, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    """Of a pack's images: their bytes, and the columns of offsets, grids and placeholders as stored."""
    Columns = tuple[
        NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint64], Images | None
    ]
    """Of a pack: ids, lengths, loss spans, trace ids, images."""
    MakeBatch = Callable[[Sequence[Columns], "Decoded | None"], dict[str, Any]]


class Decoded(NamedTuple):
    """Of the images of some packs.

    Attributes
    ----------
    patches
        uint8, ``[patches, 3 · P · P]``.
    tables
        What a vision tower derives from the grids, by the names of the batch contract.
    """

    patches: torch.Tensor
    tables: dict[str, Any]


class DeferredBatch(Mapping[str, Any]):
    """Packs that have been checked; the process that unpickles them gets the batch, a plain dict.

    A function around the collator that runs in the worker may read it like the batch.

    Parameters
    ----------
    make_batch
        Makes the batch of the rows; it is pickled with them.
    rows
        Columns of each pack.
    images
        Of these packs, if the run has any.
    """

    def __init__(self, make_batch: MakeBatch, rows: Sequence[Columns], images: Decoded | None = None) -> None:
        self._make_batch = make_batch
        self._rows = rows
        self._images = images

    @cached_property
    def _batch(self) -> dict[str, Any]:
        return self._make_batch(self._rows, self._images)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 tensors and numbers
        """Return a value of the batch."""
        return self._batch[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the batch."""
        return iter(self._batch)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._batch)

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        """Pickle as what makes the batch."""
        return _made, (self._make_batch, self._rows, self._images)


def _made(make_batch: MakeBatch, rows: Sequence[Columns], images: Decoded | None) -> dict[str, Any]:
    return make_batch(rows, images)
